"""Whatever the size becomes, what lies where in the patient and on the picture stays there, for any size."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, Sequence

from tasks.dicom.geometry import resize_geometry

sides = st.integers(2, 600)
factors = st.sampled_from([1, 2, 3, 4])
spacings = st.tuples(st.floats(0.05, 9), st.floats(0.05, 9))
places = st.lists(st.floats(-500, 500), min_size=3, max_size=3)
angles = st.floats(0, 6.28)
FEW = settings(max_examples=60, deadline=None)


def plane(place: list[float], spacing: tuple[float, float], angle: float) -> Dataset:
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    dataset = Dataset()
    dataset.ImagePositionPatient, dataset.PixelSpacing = list(place), list(spacing)
    dataset.ImageOrientationPatient = [cosine, sine, 0, 0, 0, -1] if angle > 3 else [cosine, sine, 0, -sine, cosine, 0]
    return dataset


def corners(position: Dataset, orientation: Dataset, spacing: Dataset, rows: int, columns: int) -> np.ndarray:
    """The outer corners of a picture in the patient, (4, 3) mm, as PS3.3 C.7.6.2.1.1 has them."""
    along, across = np.array(orientation.ImageOrientationPatient, float).reshape(2, 3)
    down, right = (float(value) for value in spacing.PixelSpacing)
    origin = np.array(position.ImagePositionPatient, float)
    return np.array(
        [
            origin + along * right * (x * columns - 0.5) + across * down * (y * rows - 0.5)
            for y, x in product((0, 1), repeat=2)
        ]
    )


@FEW
@given(sides, sides, factors, places, spacings, angles)
def test_corners_of_a_picture_stay_in_the_patient(
    rows: int, columns: int, factor: int, place: list[float], spacing: tuple[float, float], angle: float
) -> None:
    dataset = plane(place, spacing, angle)
    dataset.Rows, dataset.Columns = rows, columns
    before = corners(dataset, dataset, dataset, rows, columns)
    resize_geometry(dataset, rows * factor, columns * factor)
    after = corners(dataset, dataset, dataset, rows * factor, columns * factor)
    assert np.allclose(before, after, atol=1e-5)


@FEW
@given(sides, sides, factors, st.lists(places, min_size=1, max_size=3), spacings, angles, st.booleans())
def test_corners_of_every_frame_stay_in_the_patient(
    rows: int,
    columns: int,
    factor: int,
    frames: list[list[float]],
    spacing: tuple[float, float],
    angle: float,
    shared: bool,
) -> None:
    dataset, common = Dataset(), Dataset()
    dataset.Rows, dataset.Columns = rows, columns
    groups = []
    for place in frames:
        whole, group = plane(place, spacing, angle), Dataset()
        position, measures, orientation = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = whole.ImagePositionPatient
        measures.PixelSpacing, orientation.ImageOrientationPatient = whole.PixelSpacing, whole.ImageOrientationPatient
        group.PlanePositionSequence = Sequence([position])
        holder = common if shared else group
        holder.PixelMeasuresSequence = Sequence([measures])
        holder.PlaneOrientationSequence = Sequence([orientation])
        groups.append(group)
    dataset.SharedFunctionalGroupsSequence = Sequence([common])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)

    def every(height: int, width: int) -> list[np.ndarray]:
        found = []
        for group in groups:
            holder = common if shared else group
            parts = (group.PlanePositionSequence, holder.PlaneOrientationSequence, holder.PixelMeasuresSequence)
            found.append(corners(*(part[0] for part in parts), height, width))
        return found

    before = every(rows, columns)
    resize_geometry(dataset, rows * factor, columns * factor)
    assert np.allclose(before, every(rows * factor, columns * factor), atol=1e-5)


@FEW
@given(sides, sides, factors, st.data())
def test_a_region_covers_the_same_part_and_length(rows: int, columns: int, factor: int, data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1))
    right, bottom = data.draw(st.integers(left, columns - 1)), data.draw(st.integers(top, rows - 1))
    region, dataset = Dataset(), Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = left, top
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = right, bottom
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SequenceOfUltrasoundRegions = Sequence([region])
    dataset.ShutterLeftVerticalEdge, dataset.ShutterRightVerticalEdge = left + 1, right + 1
    dataset.ShutterUpperHorizontalEdge, dataset.ShutterLowerHorizontalEdge = top + 1, bottom + 1

    def told() -> list[float]:
        height, width = int(dataset.Rows), int(dataset.Columns)
        wide = region.RegionLocationMaxX1 - region.RegionLocationMinX0 + 1
        high = region.RegionLocationMaxY1 - region.RegionLocationMinY0 + 1
        shutter = dataset.ShutterRightVerticalEdge - dataset.ShutterLeftVerticalEdge + 1
        return [
            *(wide * region.PhysicalDeltaX, high * region.PhysicalDeltaY, wide / width, high / height),
            *(region.RegionLocationMinX0 / width, region.RegionLocationMinY0 / height, shutter / width),
            (dataset.ShutterUpperHorizontalEdge - 1) / height,
        ]

    before = told()
    resize_geometry(dataset, rows * factor, columns * factor)
    dataset.Rows, dataset.Columns = rows * factor, columns * factor
    assert np.allclose(before, told())


@FEW
@given(sides, sides, places, spacings, angles)
def test_same_size_changes_nothing(
    rows: int, columns: int, place: list[float], spacing: tuple[float, float], angle: float
) -> None:
    dataset = plane(place, spacing, angle)
    dataset.Rows, dataset.Columns = rows, columns
    before = str(dataset)
    resize_geometry(dataset, rows, columns)
    assert str(dataset) == before
