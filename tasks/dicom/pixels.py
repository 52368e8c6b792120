"""Pixels of a DICOM object: decoded whatever their coding, and what range of values its window shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite

import numpy as np
from pydicom import Dataset
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import RLELossless

from tasks.dicom import jpeg12
from tasks.dicom.open import NATIVE
from tasks.imaging.value_range import Levels

KEEPS_BITS = {*NATIVE, RLELossless}  # transfer syntaxes that hold words as they are, not values


def decode(dataset: Dataset) -> np.ndarray:
    """Pixels as they are stored, in machine byte order: (frames, height, width, 1) of 8 or 16 bits, or RGB.

    YBR and palettes come as RGB; a palette of more than 8 bits as 16-bit RGB. Bits above those stored (where old
    objects keep overlays) are cut off.

    Raises:
        Exception: whatever the decoders raise for what they cannot decode.
    """
    with _panics_told():
        return _decode(dataset)


@contextmanager
def _panics_told() -> Iterator[None]:
    """Raises ValueError where a decoder written in Rust panics: that is no Exception, and would end the process."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"the decoder gave up ({error})") from None


def _decode(dataset: Dataset) -> np.ndarray:
    jpeg12.register()
    shift = int(dataset.get("HighBit") or 0) + 1 - int(dataset.BitsStored)
    if shift > 0 and dataset.file_meta.TransferSyntaxUID in KEEPS_BITS:
        pixels = pixel_array(_of_all_bits(dataset), raw=False)
        pixels = stored_bits(pixels, int(dataset.BitsStored), shift)
    else:
        pixels = pixel_array(dataset, raw=False)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    samples = int(dataset.SamplesPerPixel)
    pixels = pixels.reshape(-1, int(dataset.Rows), int(dataset.Columns), samples)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        tables = dataset.group_dataset(0x0028)  # without the transfer syntax: the tables are little-endian by now
        tables.set_original_encoding(False, True)
        colours = apply_color_lut(pixels[..., 0], tables)
        if colours.dtype == np.uint16:
            high = colours >> 8
            if np.array_equal(colours & 0xFF, high) or not (colours & 0xFF).any():  # 8 bits written as 16
                colours = high.astype(np.uint8)
        return colours
    return pixels


def stored_bits(words: np.ndarray, bits: int, shift: int = 0) -> np.ndarray:
    """The values of `bits` bits that begin `shift` bits above the lowest of each word (HighBit + 1 - BitsStored).

    The result has the shape and integer type of `words`; its sign is extended where that is signed.
    """
    above = words.itemsize * 8 - bits
    return (words << (above - shift)) >> above if above else words


def _of_all_bits(dataset: Dataset) -> Dataset:
    """The object with all bits of its words as the value: pydicom takes the lowest, whatever HighBit says."""
    whole = Dataset()
    whole.file_meta = dataset.file_meta
    whole.set_original_encoding(*dataset.original_encoding)
    for element in dataset.group_dataset(0x0028):
        whole.add_new(element.tag, element.VR, element.value)
    whole.PixelData = dataset.PixelData
    whole["PixelData"].VR = dataset["PixelData"].VR
    whole.BitsStored, whole.HighBit = dataset.BitsAllocated, dataset.BitsAllocated - 1
    return whole


def levels(dataset: Dataset, frames: np.ndarray) -> list[Levels]:
    """For each of the frames (n, h, w, 1 or 3), the stored values between which its first window lies.

    Without a window: the least and the greatest value of the object, padding apart; 0 and 255 where values have 8 bits.
    """
    low, high = limits(dataset, frames)
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    found = [None if frames.shape[3] == 3 else _windowed(dataset, number, inverted) for number in range(len(frames))]
    if None in found and high - low > 255 and frames.shape[3] == 1:
        outside = padding(dataset, frames)
        inside = frames if outside is None else frames[(frames < outside[0]) | (frames > outside[1])]
        if inside.size and inside.min() < inside.max():
            low, high = int(inside.min()), int(inside.max())
    return [level or Levels(low, high, inverted) for level in found]


def window(dataset: Dataset) -> str | None:
    """The first frame's window, from its least to its greatest value after rescaling, for a person."""
    ends = _window(dataset, 0)
    return None if ends is None else f"{ends[0]:g} to {ends[1]:g}"


def limits(dataset: Dataset, frames: np.ndarray) -> tuple[int, int]:
    """The least and the greatest value that the stored bits can hold."""
    bits = int(dataset.BitsStored)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return 0, int(np.iinfo(frames.dtype).max)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if dataset.PixelRepresentation else (0, (1 << bits) - 1)


def padding(dataset: Dataset, frames: np.ndarray) -> tuple[int, int] | None:
    """The least and greatest stored value that mean "no image here" (PixelPaddingValue and its range limit), if any."""
    if dataset.get("PixelPaddingValue") is None or frames.shape[3] == 3:
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = [int(dataset.PixelPaddingValue), int(dataset.PixelPaddingValue if limit in (None, "") else limit)]
    low, high = limits(dataset, frames)
    if dataset.PixelRepresentation:  # the padding's VR may have been read as unsigned
        ends = [end - (1 << 16) if end > high else end for end in ends]
    return (min(ends), max(ends)) if low <= min(ends) <= max(ends) <= high else None


def _windowed(dataset: Dataset, frame: int, inverted: bool) -> Levels | None:
    window = _window(dataset, frame)
    if window is None:
        return None
    table = _modality_table(dataset)
    if table is not None:
        ends = sorted(float(end) for end in np.interp(window, *table))
        return Levels(ends[0], max(ends[1], ends[0] + 1), inverted, True)
    slope, intercept = 1.0, 0.0
    for place in _places(dataset, frame, "PixelValueTransformationSequence"):
        if place.get("RescaleSlope") is not None and float(place.RescaleSlope):
            slope, intercept = float(place.RescaleSlope), float(place.get("RescaleIntercept") or 0)
            break
    ends = sorted((value - intercept) / slope for value in window)
    return Levels(ends[0], ends[1], inverted, True)


def _modality_table(dataset: Dataset) -> tuple[np.ndarray, np.ndarray] | None:
    """Outputs of the Modality LUT (PS3.3 C.11.1), rising, and the stored values that they come from; or None."""
    for item in dataset.get("ModalityLUTSequence") or ():
        entries, first, _ = item.LUTDescriptor
        first = first - (1 << 16) if dataset.PixelRepresentation and first > 32767 else first
        data = item.LUTData
        if isinstance(data, bytes):
            data = np.frombuffer(data, "u1" if len(data) == (entries or 65536) else "<u2")
        outputs = np.asarray(data, float)[: entries or 65536]
        order = np.argsort(outputs, kind="stable")
        return outputs[order], (first + np.arange(len(outputs)))[order]
    return None


def _window(dataset: Dataset, frame: int) -> tuple[float, float] | None:
    """The ends of the first window, in values after rescaling (PS3.3 C.11.2.1.2), or of the first table's input."""
    for place in _places(dataset, frame, "FrameVOILUTSequence"):
        centre, width = _first(place.get("WindowCenter")), _first(place.get("WindowWidth"))
        if centre is not None and width is not None and isfinite(centre + width) and width >= 1:
            if place.get("VOILUTFunction", "LINEAR") == "LINEAR" and width > 1:
                return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
            return centre - width / 2, centre + width / 2
    for table in dataset.get("VOILUTSequence") or ():
        entries, first, _ = table.LUTDescriptor
        first = first - (1 << 16) if dataset.PixelRepresentation and first > 32767 else first
        return float(first), float(first + (entries or 65536) - 1)
    return None


def _first(value: object) -> float | None:
    try:
        return float(value[0] if not isinstance(value, str | float | int) else value)  # type: ignore[index]
    except (TypeError, ValueError, IndexError):
        return None


def _places(dataset: Dataset, frame: int, sequence: str) -> Iterator[Dataset]:
    """Where a value of a frame may stand: in its functional group, in the shared ones, in the object itself."""
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for group in (*groups[frame : frame + 1], *shared[:1]):
        yield from group.get(sequence) or ()
    yield dataset
