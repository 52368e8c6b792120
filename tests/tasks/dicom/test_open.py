"""What is a picture and what is not: each kind of file ends by a rule with a reason, none in a crash."""

import io
import warnings
import zlib
from contextlib import suppress

import numpy as np
import pytest
from pydicom import dcmread

from tasks.dicom.open import is_dicom, open_dicom, says_text
from tasks.dicom.pixels import decode
from tasks.imaging.refused import Refused
from tests.tasks.dicom.samples import ROOTS, sample, samples


def changed(name: str, **values: object) -> bytes:
    """A sample with other values; None takes an element out."""
    dataset = dcmread(io.BytesIO(sample(name)))
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "stage", "words"),
    [
        ("reportsi.dcm", "skip", "Basic Text SR"),
        ("rtplan.dcm", "skip", "RT Plan"),
        ("waveform_ecg.dcm", "skip", "12-lead ECG"),
        ("dicomdirtests/DICOMDIR", "skip", "DICOMDIR"),
        ("liver_1frame.dcm", "skip", "no image: Segmentation Storage"),
        ("rtdose.dcm", "skip", "no image: RT Dose Storage"),
        ("MR_truncated.dcm", "open", "8,130 of 8,192"),
        ("rtplan_truncated.dcm", "skip", "RT Plan"),
        ("dicomdirtests/TINY_ALPHA/PT000000/ST000000/SE000000/IM000000", "open", "without pixel data"),
        ("JPEGLSNearLossless_08.dcm", "open", "StudyInstanceUID"),
    ],
)
def test_samples_that_are_no_pictures(name: str, stage: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        open_dicom(sample(name))
    assert refusal.value.stage == stage


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"Rows": 60000, "Columns": 60000, "NumberOfFrames": 28}, "truncated"),
        ({"Rows": 0}, "no pixels"),
        ({"SamplesPerPixel": 4}, "4 samples"),
        ({"BitsStored": 17}, "17 bits in 16"),
        ({"Columns": None}, "Columns"),
        ({"SOPInstanceUID": None}, "SOPInstanceUID"),
        ({"PixelData": None}, "without pixel data"),
    ],
)
def test_headers_that_do_not_hold(values: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        open_dicom(changed("CT_small.dcm", **values))


@pytest.mark.parametrize("name", ["SC_rgb_2frame.dcm", "SC_rgb_rle_2frame.dcm", "emri_small_RLE.dcm"])
def test_frames_that_the_header_does_not_count_are_not_lost_silently(name: str) -> None:
    with pytest.raises(Refused, match="its header says 1: some would be lost"):
        open_dicom(changed(name, NumberOfFrames=1))


def test_header_of_a_hundred_gigapixels() -> None:
    with pytest.raises(Refused, match="more than are held in memory"):
        open_dicom(changed("MR_small_RLE.dcm", Rows=65000, Columns=65000, NumberOfFrames=24))


def test_wrong_transfer_syntax() -> None:
    plain, rle = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"
    with pytest.raises(Refused, match="says that the pixels are compressed, but they are not"):
        open_dicom(sample("CT_small.dcm").replace(plain, rle))
    with pytest.raises(Refused, match="says that the pixels are not compressed, but they are"):
        open_dicom(sample("MR_small_RLE.dcm").replace(rle, plain))


@pytest.mark.parametrize(
    "kind",
    [
        "1.2.840.10008.5.1.4.1.1.66.4",
        "1.2.840.10008.5.1.4.1.1.66.7",
        "1.2.840.10008.5.1.4.1.1.481.2",
        "1.2.840.10008.5.1.4.1.1.30",
    ],
)
def test_what_values_are_the_class_says(kind: str) -> None:
    """Segmentations, label maps, doses and parametric maps of 8 and 16 bits look like pictures and are none."""
    with pytest.raises(Refused, match="labels or measures, not pictures") as refusal:
        open_dicom(changed("CT_small.dcm", SOPClassUID=kind))
    assert refusal.value.stage == "skip"


def test_ultrasound_volume_and_private_classes_are_pictures() -> None:
    for kind in ("1.2.840.10008.5.1.4.1.1.6.2", "1.2.3.4"):
        assert open_dicom(changed("CT_small.dcm", SOPClassUID=kind)).SOPClassUID == kind


@pytest.mark.parametrize("first", ["SOPClassUID", "Modality", "SpecificCharacterSet", "ImageType"])
@pytest.mark.parametrize("implicit", [False, True])
def test_without_preamble_from_any_element_of_the_first_group(first: str, implicit: bool) -> None:
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    for element in list(dataset):
        if element.tag < dataset.data_element(first).tag if first in dataset else False:
            del dataset[element.tag]
    bare = io.BytesIO()
    dataset.preamble = None
    del dataset.file_meta
    dataset.save_as(bare, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    assert is_dicom(bare.getvalue()[:132])


def test_what_is_no_dicom_but_begins_with_small_numbers() -> None:
    assert not is_dicom(b"\x08\0\xee\0rest of some other file")
    assert not is_dicom(b"\x08\0\x16\0\x01\x02\x03\x04")
    assert not is_dicom(b"")


@pytest.mark.parametrize("frames", [1, 4])
def test_ybr_422_with_data_of_full_length_is_ybr_full(frames: int) -> None:
    pixels = np.full((frames, 20, 30, 3), (120, 90, 200), np.uint8)
    data = changed(
        "SC_rgb.dcm",
        **{"PhotometricInterpretation": "YBR_FULL_422", "Rows": 20, "Columns": 30, "NumberOfFrames": frames},
        PixelData=pixels.tobytes(),
    )
    full = changed(
        "SC_rgb.dcm",
        **{"PhotometricInterpretation": "YBR_FULL", "Rows": 20, "Columns": 30, "NumberOfFrames": frames},
        PixelData=pixels.tobytes(),
    )
    assert np.array_equal(decode(open_dicom(data)), decode(open_dicom(full)))


@pytest.mark.parametrize(
    "values",
    [
        {"BurnedInAnnotation": "YES"},
        {"SpecimenLabelInImage": "YES"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]},
        {"ImageType": ["DERIVED", "PRIMARY", "OVERVIEW", "NONE"]},
    ],
)
def test_headers_that_tell_of_text_or_of_a_label(values: dict[str, object]) -> None:
    assert says_text(open_dicom(changed("CT_small.dcm", **values)))
    assert not says_text(open_dicom(sample("CT_small.dcm")))


def test_deflated_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.dicom.open.MOST_PIXELS", 1 << 20)
    whole = sample("image_dfl.dcm")
    start = 144 + int.from_bytes(whole[140:144], "little")
    pack = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    with pytest.raises(Refused, match="unpacks to more"):
        open_dicom(whole[:start] + pack.compress(bytes(1 << 23)) + pack.flush())


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("name", ["CT_small.dcm", "emri_small.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"])
def test_cut_anywhere_is_refused(name: str, share: float) -> None:
    data = sample(name)
    with pytest.raises(Refused) as refusal:
        dataset = open_dicom(data[: int(len(data) * share)])
        if "RLE" in name or "dfl" in name:  # compressed: that something is missing shows when it is unpacked
            assert dataset.PixelData
            raise Refused("decoder's")
    assert str(refusal.value)


def test_every_sample_opens_or_is_refused_without_quoting_it() -> None:
    opened = 0
    for name in samples():
        data = next(root / name for root in ROOTS if (root / name).exists()).read_bytes()
        if not is_dicom(data[:132]):
            continue
        try:
            opened += open_dicom(data) is not None
        except Refused as refusal:
            assert "^" not in str(refusal)
    assert opened > 100


def test_reading_warns_and_logs_of_nothing_even_where_others_reset_the_filters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """pydicom quotes values of the file in its warnings, and these reach the terminal and Prefect's log."""
    for _ in range(2):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for name in ("badVR.dcm", "CT_small.dcm", "explicit_VR-UN.dcm", "no_meta.dcm"):
                with suppress(Refused):
                    str(open_dicom(sample(name)))
        assert [str(one.message) for one in told] == []
    assert caplog.text == ""
