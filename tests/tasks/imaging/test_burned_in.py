"""Burned-in text: seen where a person could read it, not seen where there is none."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from skimage import data

from tasks.dicom.open import open_dicom
from tasks.dicom.pixels import decode, levels
from tasks.imaging.burned_in import has_text
from tasks.imaging.value_range import Levels
from tests.tasks.dicom.samples import sample


def burn(frame: np.ndarray, text: str, value: int, size: int = 18, place: tuple[int, int] = (12, 12)) -> np.ndarray:
    """Text in a frame (h, w, 1), in one value."""
    mask = Image.new("1", frame.shape[1::-1])
    ImageDraw.Draw(mask).text(place, text, fill=1, font=ImageFont.load_default(size))
    frame = frame.copy()
    frame[np.asarray(mask)] = value
    return frame


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
