"""What becomes of single files on their way: what is looked at, and what padding is in another size."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from tasks.imaging.burned_in import Rule
from tests.integration.runs import table
from tests.tasks.archive.test_large_files import put, run
from tests.tasks.dicom.samples import sample
from tests.tasks.imaging.test_burned_in import burn


def png(colours: np.ndarray, alpha: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.concatenate([colours, alpha], 2).squeeze()).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("ground", "letters"), [(0, 255), (255, 0)])
def test_text_in_alpha_alone_is_seen(channels: int, ground: int, letters: int, tmp_path: Path) -> None:
    alpha = burn(np.full((200, 300, 1), ground, np.uint8), "ZZNAME TEST 1943", letters, 20)
    put(tmp_path, "one.png", png(np.full((200, 300, channels), 255, np.uint8), alpha))
    out = run(tmp_path, "run", "", "quarantine")
    assert table(out.url(), "quarantine")["stage"].to_pylist() == ["look"]


def label(**values: object) -> bytes:
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    for name, value in values.items():
        setattr(dataset, name, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize("rule", ["quarantine", "header"])
def test_labels_are_put_aside_and_kept_ones_claim_nothing_false(rule: Rule, tmp_path: Path) -> None:
    put(tmp_path, "label.dcm", label(ImageType=["ORIGINAL", "PRIMARY", "LABEL", "NONE"], BurnedInAnnotation="NO"))
    put(tmp_path, "mark.dcm", label(SpecimenLabelInImage="YES"))
    out = run(tmp_path, "run", "", rule)
    assert table(out.url(), "quarantine")["stage"].to_pylist() == ["look", "look"]
    kept = run(tmp_path, "kept", "", "keep")
    made = [dcmread(Path(kept.url()) / path) for path in table(kept.url(), "metadata")["image"].to_pylist()]
    assert [dataset.BurnedInAnnotation for dataset in made] == ["YES", "YES"]


def test_no_burned_in_text_is_claimed_only_where_somebody_looked(tmp_path: Path) -> None:
    put(tmp_path, "one.dcm", label())
    for rule, claim in (("header", None), ("quarantine", "NO")):
        out = run(tmp_path, rule, "", rule)
        (path,) = table(out.url(), "metadata")["image"].to_pylist()
        assert dcmread(Path(out.url()) / path).get("BurnedInAnnotation") == claim


def test_padding_of_an_upscaled_picture_is_padding_and_nothing_else_is(tmp_path: Path) -> None:
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    pixels = dataset.pixel_array.copy()
    pixels[:40] = -2000
    dataset.PixelPaddingValue, dataset.PixelData = -2000, pixels.tobytes()
    data = io.BytesIO()
    dataset.save_as(data)
    put(tmp_path, "one.dcm", data.getvalue())
    out = run(tmp_path, "run", "upscale:2")
    (path,) = table(out.url(), "metadata")["image"].to_pylist()
    made = dcmread(Path(out.url()) / path).pixel_array
    assert made.shape == (256, 256)
    assert (made[:80] == -2000).all()
    assert made[80:].min() > -1500


def test_files_whose_names_differ_by_suffix_or_case_alone_have_results_of_their_own(tmp_path: Path) -> None:
    names = ["x", "x.png", "X.PNG", "x.bmp", "y x.png"]
    for shade, name in enumerate(names):
        put(tmp_path, name, png(np.full((20, 30, 1), 50 * shade, np.uint8), np.full((20, 30, 1), 255, np.uint8)))
    out = run(tmp_path, "run", "", "header", keep_identity=True)
    made = dict(zip(*(table(out.url(), "metadata")[column].to_pylist() for column in ("source", "image")), strict=True))
    assert sorted(made) == sorted(names)
    assert len({path.lower() for path in made.values()}) == len(names)
    for shade, name in enumerate(names):
        with Image.open(Path(out.url()) / made[name]) as picture:
            assert picture.getpixel((0, 0))[0] == 50 * shade


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_overlay.dcm"])
def test_text_is_painted_over_and_all_else_stays(name: str, tmp_path: Path) -> None:
    dataset = dcmread(io.BytesIO(sample(name)))
    before = dataset.pixel_array
    frame = burn(before[..., None], "ZZYQUIST 1943", int(before.max()), 14, (10, before.shape[0] // 3))
    dataset.PixelData, dataset.BurnedInAnnotation = frame.tobytes(), "YES"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out_bytes = io.BytesIO()
    dataset.save_as(out_bytes)
    put(tmp_path, "one.dcm", out_bytes.getvalue())
    out = run(tmp_path, "run", "", "mask")
    (row,) = table(out.url(), "metadata").to_pylist()
    made = dcmread(Path(out.url()) / row["image"])
    assert row["burned_in_text"] == "masked"
    assert made.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in made.DeidentificationMethodCodeSequence]
    assert "painted over" in made.DerivationDescription
    text = (frame[..., 0] != before) & (before != before.max())
    assert not (made.pixel_array[text] == int(before.max())).any(), "no letter is left"
    boxes = json.loads(row["masked"])
    outside = np.ones(before.shape, bool)
    for left, top, right, bottom in boxes:
        outside[max(0, top - 20) : bottom + 20, max(0, left - 20) : right + 20] = False
    assert outside.any()
    assert np.array_equal(made.pixel_array[outside], before[outside])


def test_what_painting_does_not_mend_is_put_aside(tmp_path: Path) -> None:
    put(tmp_path, "label.dcm", label(SpecimenLabelInImage="YES"))
    put(tmp_path, "says.dcm", label(BurnedInAnnotation="YES"))
    alpha = burn(np.zeros((200, 300, 1), np.uint8), "ZZNAME TEST 1943", 255, 20)
    put(tmp_path, "alpha.png", png(np.full((200, 300, 3), 255, np.uint8), alpha))
    out = run(tmp_path, "run", "", "mask")
    assert table(out.url(), "quarantine")["stage"].to_pylist() == ["look"] * 3
