"""Burned-in text: seen where a person could read it, not seen where there is none."""

import io

import cv2
import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from skimage import data

from benchmarks.burned_in import NAMES
from tasks.dicom.open import open_dicom
from tasks.dicom.pixels import decode, levels
from tasks.imaging.burned_in import has_code, has_text, views
from tasks.imaging.value_range import Levels
from tests.tasks.dicom.samples import sample


def burn(frame: np.ndarray, text: str, value: int, size: int = 18, place: tuple[int, int] = (12, 12)) -> np.ndarray:
    """Text in a frame (h, w, 1), in one value."""
    mask = Image.new("1", frame.shape[1::-1])
    ImageDraw.Draw(mask).text(place, text, fill=1, font=ImageFont.load_default(size))
    frame = frame.copy()
    frame[np.asarray(mask)] = value
    return frame


def draw(frame: np.ndarray, text: str, value: int, size: int, place: tuple[int, int]) -> np.ndarray:
    """Text of any script in a frame (h, w, 1), its edges smooth; `place` is where its base line begins."""
    share = np.zeros(frame.shape[:2], np.uint8)
    cv2.putText(share, text, place, 255, cv2.FontFace("uni"), size)
    return np.rint(frame + (value - frame) * (share[..., None] / 255)).astype(frame.dtype)


def opened(name: str) -> tuple[np.ndarray, Levels]:
    dataset = open_dicom(sample(name))
    frames = decode(dataset)
    return frames[0], levels(dataset, frames)[0]


@pytest.mark.parametrize(
    "name", ["examples_palette.dcm", "examples_rgb_color.dcm", "examples_ybr_color.dcm", "US1_J2KR.dcm"]
)
def test_ultrasound_is_full_of_text(name: str) -> None:
    assert has_text(*opened(name))


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm", "examples_overlay.dcm", "RG3_J2KI.dcm", "MR2_J2KI.dcm"]
)
def test_pictures_without_text(name: str) -> None:
    """RG3 has a side mark, which is no text."""
    assert not has_text(*opened(name))


@pytest.mark.parametrize("text", ["ZZYQUIST PERPETUA", "12.03.1943", "ID 8842"])
def test_planted_text_is_seen(text: str) -> None:
    frame, level = opened("examples_overlay.dcm")
    assert has_text(burn(frame, text, 4095), level)
    assert has_text(burn(frame, text, 500, size=14, place=(300, 200)), level)


@pytest.mark.parametrize("size", [14, 18])
def test_small_text_on_a_large_picture_is_seen(size: int) -> None:
    frame = np.full((1080, 1920, 1), 20, np.uint8)
    assert has_text(burn(frame, "ZZNAME TEST 1943", 230, size, (1700, 1040)), Levels(0, 255))


@pytest.mark.parametrize("turn", range(8))
def test_text_that_is_turned_or_mirrored_is_seen(turn: int) -> None:
    frame, level = opened("examples_overlay.dcm")
    burned = np.rot90(burn(frame, "ZZNAME TEST 1943", 4095), turn % 4)
    assert has_text(burned[:, ::-1] if turn >= 4 else burned, level)


@pytest.mark.parametrize(("script", "name"), [(script, names[0]) for script, names in NAMES.items()])
@pytest.mark.parametrize("size", [20, 32])
def test_names_in_any_script_are_seen(script: str, name: str, size: int) -> None:
    """Two characters (王芳) are a whole name; the reader knows neither Arabic nor Greek."""
    frame, level = opened("693_UNCI.dcm")
    assert has_text(draw(frame, name, 1113, size, (20, 40)), level), script


@pytest.mark.parametrize(
    ("ground", "text", "window"),
    [
        (3400, 3700, (0, 2999)),  # brighter than the window, on what is so, too
        (0, 250, (300, 3499)),  # darker than the window
        (0, 900, (0, 65535)),  # a window that is far too wide
        (100, 130, (0, 4095)),  # one level of what is shown
    ],
)
def test_text_that_the_window_hides_or_flattens_is_seen(ground: int, text: int, window: tuple[int, int]) -> None:
    frame = np.full((384, 384, 1), ground, np.uint16)
    frame[100:] = np.linspace(400, 2800, 384, dtype=np.uint16)[:, None]
    assert has_text(burn(frame, "ZZNAME TEST 1943", text, 20), Levels(*window, False, True))


def test_text_that_one_hot_pixel_flattens_is_seen() -> None:
    frame = np.zeros((384, 384, 1), np.uint16)
    frame[200, 200] = 65535
    assert has_text(burn(frame, "ZZNAME TEST 1943", 900, 20), Levels(0, 65535))


@pytest.mark.parametrize("turn", range(8))
def test_codes_are_seen(turn: int) -> None:
    code = cv2.QRCodeEncoder.create().encode("PID=ZZPID77;DOB=19430203")
    frame = np.full((256, 300, 1), 220, np.uint8)
    code = np.kron(code, np.ones((3, 3), np.uint8))
    frame[40 : 40 + len(code), 60 : 60 + len(code), 0] = code
    turned = np.rot90(frame, turn % 4)
    assert has_code(turned[:, ::-1] if turn >= 4 else turned)
    assert has_text(turned, Levels(0, 255))


def test_bar_codes_are_seen_and_anatomy_is_none() -> None:
    bars = np.asarray(zxingcpp.create_barcode("ZZPID77", zxingcpp.BarcodeFormat.Code128).to_image(scale=2))
    frame = np.full((200, 400, 1), 255, np.uint8)
    frame[50 : 50 + len(bars), 40 : 40 + bars.shape[1], 0] = bars
    assert has_code(frame)
    assert not any(has_code(view.picture) for name in ("693_UNCI.dcm", "RG3_J2KI.dcm") for view in views(*opened(name)))


def test_text_outside_the_window_is_seen() -> None:
    """Brighter than all that the window shows, on a ground that is so, too."""
    frame = np.full((300, 400, 1), 3000, np.uint16)
    frame[100:] = 100
    assert has_text(burn(frame, "ZZYQUIST", 3900, 24), Levels(0, 400, False, True))


@pytest.mark.parametrize("mark", ["L", "R"])
def test_side_marks_are_no_text(mark: str) -> None:
    frame, level = opened("693_UNCI.dcm")
    assert not has_text(burn(frame, mark, 1113, 30, (440, 30)), level)


def test_photograph_has_none() -> None:
    assert not has_text(data.chelsea(), Levels(0, 255))


def test_text_of_a_large_picture_is_seen_in_a_part() -> None:
    frame = np.zeros((2400, 3000, 1), np.uint16)
    assert has_text(burn(frame, "ZZYQUIST 1943", 60000, 22, (2700, 2300)), Levels(0, 65535))


def test_headers_are_not_what_is_looked_at() -> None:
    assert dcmread(io.BytesIO(sample("examples_palette.dcm"))).get("BurnedInAnnotation") is None
