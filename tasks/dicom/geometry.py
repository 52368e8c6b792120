"""Where things are in a picture and how large its pixels are, made true again for a picture of another size.

Positions are those of pixel centres: scaling by a factor moves the centre at x to (x + 1/2) * factor - 1/2, counted
from 0, which is what interpolation does to the pixels.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from pydicom import Dataset

# Millimetres between pixels: (rows, columns).
SPACINGS = (
    *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "ImagePlanePixelSpacing"),
    *("ObjectPixelSpacingInCenterOfBeam", "ReconstructionPixelSpacing"),
)
# Edges and centres in pixels counted from 1, of shutters, collimators and exposure control.
SHAPES = ("Shutter", "Collimator", "ExposureControlSensingRegion")
# Of ultrasound regions, counted from 0: (of columns, of rows).
REGION_POINTS = (
    (("ReferencePixelX0", "DopplerSampleVolumeXPosition", "TMLinePositionX0", "TMLinePositionX1"), 1),
    (("ReferencePixelY0", "DopplerSampleVolumeYPosition", "TMLinePositionY0", "TMLinePositionY1"), 0),
)


def resize_geometry(source: Dataset, rows: int, columns: int) -> None:
    """Brings the geometry of a data set, whose Rows and Columns are still the old ones, to another size."""
    factors = (rows / int(source.Rows), columns / int(source.Columns))
    if factors == (1.0, 1.0):
        return
    _resize_positions(source, factors)
    for item in _every_item(source):
        _resize_spacings(item, factors)
        _resize_shapes(item, factors)
        _resize_region(item, factors)
        _resize_slide(item, factors)


def _every_item(dataset: Dataset) -> Iterator[Dataset]:
    """The data set and all items in it, other objects' references and history apart."""
    yield dataset
    for element in dataset:
        if element.VR == "SQ" and "Referenced" not in element.keyword and "Source" not in element.keyword:
            for item in element.value:
                yield from _every_item(item)


def _resize_spacings(item: Dataset, factors: tuple[float, float]) -> None:
    for name in SPACINGS:
        if item.get(name):
            item[name].value = [
                _text(float(value) / factor) for value, factor in zip(item[name].value, factors, strict=True)
            ]
    if item.get("MaskSubPixelShift"):
        item.MaskSubPixelShift = [value * factor for value, factor in zip(item.MaskSubPixelShift, factors, strict=True)]


def _resize_positions(source: Dataset, factors: tuple[float, float]) -> None:
    """The centre of the first pixel in the patient, of the object or of each frame."""
    shared = (source.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    for group in (source, shared, *(source.get("PerFrameFunctionalGroupsSequence") or ())):
        places = (group,) if group is source else group.get("PlanePositionSequence") or ()
        spacing = _first(group, shared, "PixelMeasuresSequence", "PixelSpacing") or source.get("PixelSpacing")
        orientation = _first(group, shared, "PlaneOrientationSequence", "ImageOrientationPatient")
        orientation = orientation or source.get("ImageOrientationPatient")
        for place in places:
            if place.get("ImagePositionPatient") and spacing and orientation:
                between = np.array(spacing, float)
                down, right = between * (1 / np.array(factors) - 1) / 2
                along, across = np.array(orientation, float).reshape(2, 3)
                moved = np.array(place.ImagePositionPatient, float) + along * right + across * down
                place.ImagePositionPatient = [_text(value) for value in moved]
    if source.get("RTImagePosition") and source.get("ImagePlanePixelSpacing"):
        down, right = np.array(source.ImagePlanePixelSpacing, float) * (1 / np.array(factors) - 1) / 2
        x, y = (float(value) for value in source.RTImagePosition)
        source.RTImagePosition = [_text(x + right), _text(y - down)]  # its y points up


def _first(group: Dataset, shared: Dataset, sequence: str, name: str) -> object:
    for holder in (group, shared):
        for item in holder.get(sequence) or ():
            if item.get(name):
                return item.get(name)
    return None


def _resize_shapes(item: Dataset, factors: tuple[float, float]) -> None:
    for shape in SHAPES:
        for edge, factor in (("LeftVertical", factors[1]), ("UpperHorizontal", factors[0])):
            _set(item, f"{shape}{edge}Edge", lambda values, f=factor: [_first_pixel(v, f, 1) for v in values])
        for edge, factor in (("RightVertical", factors[1]), ("LowerHorizontal", factors[0])):
            _set(item, f"{shape}{edge}Edge", lambda values, f=factor: [_last_pixel(v, f, 1) for v in values])
        for name in (f"CenterOfCircular{shape}", f"VerticesOfThePolygonal{shape}"):  # row, column, row, ...
            _set(item, name, lambda values: [_centre(v, factors[n % 2], 1) for n, v in enumerate(values)])
        _set(item, f"RadiusOfCircular{shape}", lambda values: [round(v * factors[0]) for v in values])


def _resize_region(item: Dataset, factors: tuple[float, float]) -> None:
    """A region of an ultrasound picture, from its first to its last pixel, counted from 0 (PS3.3 C.8.5.5)."""
    for names, axis in REGION_POINTS:
        for name in names:
            _set(item, name, lambda values, f=factors[axis]: [_centre(value, f, 0) for value in values])
    for axis, letter in ((1, "X"), (0, "Y")):
        factor = factors[axis]
        _set(item, f"RegionLocationMin{letter}0", lambda values, f=factor: [_first_pixel(v, f, 0) for v in values])
        _set(item, f"RegionLocationMax{letter}1", lambda values, f=factor: [_last_pixel(v, f, 0) for v in values])
        _set(item, f"PhysicalDelta{letter}", lambda values, f=factor: [v / f for v in values])


def _resize_slide(item: Dataset, factors: tuple[float, float]) -> None:
    for axis, name in ((0, "Row"), (1, "Column")):
        factor = factors[axis]
        _set(item, f"TotalPixelMatrix{name}s", lambda values, f=factor: [round(v * f) for v in values])
        position = f"{name}PositionInTotalImagePixelMatrix"
        _set(item, position, lambda values, f=factor: [_first_pixel(v, f, 1) for v in values])


def _centre(value: float, factor: float, first: int) -> int:
    """Where the centre of a pixel comes to lie, as a whole number; pixels are counted from `first`."""
    return round((float(value) - first + 0.5) * factor - 0.5) + first


def _first_pixel(value: float, factor: float, first: int) -> int:
    """The first of the pixels that a pixel becomes; pixels are counted from `first`."""
    return round((value - first) * factor) + first


def _last_pixel(value: float, factor: float, first: int) -> int:
    """The last of the pixels that a pixel becomes."""
    return round((value - first + 1) * factor) - 1 + first


def _set(item: Dataset, name: str, change: Callable[..., Iterable[float]]) -> None:
    if name in item and not item[name].is_empty:
        element = item[name]
        values = list(change([float(value) for value in (element.value if element.VM > 1 else [element.value])]))
        element.value = values if len(values) > 1 else values[0]


def _text(value: float) -> str:
    return f"{value:.10g}"
