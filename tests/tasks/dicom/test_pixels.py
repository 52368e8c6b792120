"""Pixels: the same values whatever the coding, and the window that the header tells."""

import io

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from tasks.dicom.open import open_dicom
from tasks.dicom.pixels import decode, levels, limits, padding
from tests.tasks.dicom.samples import sample


def pixels(name: str) -> np.ndarray:
    return decode(open_dicom(sample(name)))


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_implicit.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("emri_small_RLE.dcm", "emri_small.dcm"),
        ("emri_small_jpeg_2k_lossless.dcm", "emri_small.dcm"),
        ("693_J2KR.dcm", "693_UNCR.dcm"),
        ("MR2_J2KR.dcm", "MR2_UNCR.dcm"),
        ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb.dcm"),
        ("SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_16bit_2frame.dcm"),
        ("SC_rgb_expb_16bit.dcm", "SC_rgb_16bit.dcm"),
        ("US1_J2KR.dcm", "US1_UNCR.dcm"),
        ("OBXXXX1A_rle_2frame.dcm", "OBXXXX1A_2frame.dcm"),
        ("OBXXXX1A_expb_2frame.dcm", "OBXXXX1A_2frame.dcm"),
        ("gdcm-US-ALOKA-16_big.dcm", "gdcm-US-ALOKA-16.dcm"),
    ],
)
def test_lossless_codings_agree(name: str, reference: str) -> None:
    assert np.array_equal(pixels(name), pixels(reference))


@pytest.mark.parametrize(
    ("name", "reference", "most"),
    [
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_dcmtk_ebcynp_dcmd.dcm", 2),
        ("693_J2KI.dcm", "693_UNCI.dcm", 0),
        ("JPGExtended.dcm", "JPEG-lossy.dcm", 200),
    ],
)
def test_lossy_codings_come_near(name: str, reference: str, most: int) -> None:
    difference = np.abs(pixels(name).astype(int) - pixels(reference).astype(int))
    assert difference.max() <= most


def test_kinds() -> None:
    assert pixels("examples_palette.dcm").shape == (1, 350, 800, 3)
    assert pixels("examples_palette.dcm").dtype == np.uint8
    assert pixels("examples_ybr_color.dcm").shape == (30, 240, 320, 3)
    assert pixels("JPGExtended.dcm").max() > 255
    assert pixels("CT_small.dcm").dtype == np.int16


def test_bits_above_those_stored_are_cut_off() -> None:
    """Where old objects keep an overlay."""
    dataset = dcmread(io.BytesIO(sample("examples_overlay.dcm")))
    clean = decode(dataset)
    words = np.frombuffer(dataset.PixelData, "<u2") | 0xF000
    dataset.PixelData = words.tobytes()
    assert dataset.BitsStored == 12
    assert np.array_equal(decode(dataset), clean)


def test_window_becomes_stored_values() -> None:
    """693: window -10 to 89 HU, slope 1, intercept -1024."""
    dataset = open_dicom(sample("693_UNCI.dcm"))
    level = levels(dataset, decode(dataset))[0]
    assert (level.low, level.high, level.windowed) == (1014, 1113, True)


@pytest.mark.parametrize(
    ("function", "expected"), [("LINEAR", (0, 99)), ("LINEAR_EXACT", (0, 100)), ("SIGMOID", (0, 100))]
)
def test_window_functions(function: str, expected: tuple[float, float]) -> None:
    dataset = open_dicom(sample("MR_small.dcm"))
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = [50, 7], [100, 9], function
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    level = levels(dataset, decode(dataset))[0]
    assert (level.low, level.high) == expected


def test_rescale_turns_the_window_into_stored_values() -> None:
    dataset = open_dicom(sample("MR_small.dcm"))
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 0, 100, "LINEAR_EXACT"
    dataset.RescaleSlope, dataset.RescaleIntercept = -2, 10
    level = levels(dataset, decode(dataset))[0]
    assert (level.low, level.high) == (-20, 30)


def test_frames_may_have_windows_of_their_own() -> None:
    dataset = open_dicom(sample("eCT_Supplemental.dcm"))
    frames = decode(dataset)
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        item = Dataset()
        item.WindowCenter, item.WindowWidth = 100 * number, 51
        group.FrameVOILUTSequence = [item]
    first, second = levels(dataset, frames)
    assert second.low - first.low == 100


def test_without_window_the_values_that_are_there() -> None:
    dataset = open_dicom(sample("CT_small.dcm"))
    frames = decode(dataset)
    level = levels(dataset, frames)[0]
    assert (level.low, level.high, level.windowed) == (frames.min(), frames.max(), False)


def test_monochrome1_is_inverted() -> None:
    dataset = open_dicom(sample("RG3_J2KI.dcm"))
    assert levels(dataset, decode(dataset))[0].inverted


def test_limits_and_padding_of_signed_values() -> None:
    dataset = open_dicom(sample("CT_small.dcm"))
    frames = decode(dataset)
    assert limits(dataset, frames) == (-32768, 32767)
    assert padding(dataset, frames) == (-2000, -2000)
    dataset.PixelPaddingValue = 63536  # the same 16 bits, read as unsigned
    assert padding(dataset, frames) == (-2000, -2000)


@pytest.mark.parametrize(("padding_value", "limit"), [(10, 0), (0, 10)])
def test_padding_whose_limit_is_zero(padding_value: int, limit: int) -> None:
    dataset = open_dicom(sample("CT_small.dcm"))
    dataset.PixelPaddingValue, dataset.PixelPaddingRangeLimit = padding_value, limit
    assert padding(dataset, decode(dataset)) == (0, 10)


def modality_table(first: int, outputs: np.ndarray) -> Dataset:
    """CT_small with a table of 16 bits from stored to modality values, and a window over all of those."""
    dataset = open_dicom(sample("CT_small.dcm"))
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(outputs), first, 16], outputs.astype("<u2").tobytes()
    dataset.ModalityLUTSequence = [item]
    return dataset


def test_window_goes_back_through_the_modality_table() -> None:
    """PS3.3 C.11.2.1.2: a window is of the table's outputs."""
    dataset = modality_table(0, np.arange(4096) * 16)
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 32760, 65520, "LINEAR_EXACT"
    level = levels(dataset, decode(dataset))[0]
    assert (level.low, level.high) == (0, 4095)
    falling = modality_table(100, np.arange(1000, 0, -1))
    falling.WindowCenter, falling.WindowWidth, falling.VOILUTFunction = 750, 500, "LINEAR_EXACT"
    level = levels(falling, decode(falling))[0]
    assert (level.low, level.high) == (100, 600)


@pytest.mark.parametrize(("high_bit", "signed"), [(15, 0), (13, 0), (11, 0), (15, 1)])
def test_bits_stored_begin_where_high_bit_says(high_bit: int, signed: int) -> None:
    dataset = open_dicom(sample("CT_small.dcm"))
    values = np.arange(128 * 128).reshape(128, 128) % 4096 - 2048 * signed
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, high_bit, signed
    dataset.PixelData = (values << (high_bit - 11)).astype("<i2" if signed else "<u2").tobytes()
    assert np.array_equal(decode(dataset)[0, ..., 0], values)


def test_colours_of_12_bits_have_the_limits_of_12() -> None:
    dataset = open_dicom(sample("SC_rgb_16bit.dcm"))
    dataset.BitsStored, dataset.HighBit = 12, 11
    frames = decode(dataset)
    assert limits(dataset, frames) == (0, 4095)
    assert levels(dataset, frames)[0].high == 4095
