"""Where text could be in a picture: cheap, so that a detector need not look at all of it.

A stroke is what a top hat leaves: brighter or darker than both sides of it within `STROKE` pixels, by more than the
noise around it. Among letters, strokes begin again and again along both axes; an edge begins once, and noise has none
that stand out from it. Each size of letters is sought at a scale of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

STROKE, FAINT = 7, 20  # pixels; of 255, by which a stroke differs from what is beside it at the least
NOISE, AROUND = 3.2, 65  # times the mean of top hats in so many pixels around, which a stroke exceeds
LEVELS = 4  # of stored values, by which a stroke differs that only the histogram shows: less is what rounding makes
BOX = (33, 13)  # pixels, lying or standing, in which strokes are counted
CELL = 8  # pixels of the grid on which regions are found
MARGIN = 24  # pixels around what is found, of the scale it was found at


# By how much a picture is shrunk: how many strokes have to begin in a box, along the axis that has fewer.
SCALES = {1: 20, 2: 30, 4: 28}


@dataclass(frozen=True)
class Region:
    """A part of a picture in which text could be, of the size that is sought at `shrink`."""

    shrink: int
    rows: slice
    columns: slice


@dataclass(frozen=True)
class View:
    """A picture (h, w, 1 or 3) uint8 as it is looked at.

    Attributes:
        values: (h, w, 1 or 3), what it shows, in proportion: noise is judged by them. None: the picture itself.
        besides: (h, w, 1) uint8, the same shown otherwise, whose strokes are of no interest as they were looked at.
    """

    picture: np.ndarray
    values: np.ndarray | None = None
    besides: np.ndarray | None = None

    def shrunk(self, shrink: int) -> "View":
        """The view with sides that many times shorter."""
        planes = (self.picture, self.values, self.besides)
        return View(*(None if plane is None else _shrunk(plane, shrink) for plane in planes))  # type: ignore[arg-type]


def regions(view: View) -> Iterator[Region]:
    """Where text could be in a view."""
    for shrink, least in SCALES.items():
        found = strokes(view.shrunk(shrink)) >= least
        if found.any():
            for left, top, right, bottom in _boxes(found):
                rows = slice(top * shrink, min(view.picture.shape[0], bottom * shrink))
                columns = slice(left * shrink, min(view.picture.shape[1], right * shrink))
                yield Region(shrink, rows, columns)


def strokes(view: View) -> np.ndarray:
    """How many strokes begin around each pixel, along the axis that has fewer; (h, w) float32."""
    most = np.zeros(view.picture.shape[:2], np.float32)
    for channel in range(view.picture.shape[2]):
        for hat in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
            found = _stands_out(view.picture, view.values, channel, hat)
            if view.besides is not None:
                found &= ~_stands_out(view.besides, None, 0, hat)
            along, across = found.copy(), found.copy()
            along[:, 1:] &= ~found[:, :-1]
            across[1:] &= ~found[:-1]
            for box in (BOX, BOX[::-1]):
                np.maximum(most, np.minimum(_count(along, box), _count(across, box)), out=most)
    return most


def _stands_out(picture: np.ndarray, values: np.ndarray | None, channel: int, hat: int) -> np.ndarray:
    left = _hat(picture[..., channel], hat)
    if values is None:
        return left >= np.maximum(NOISE * _mean(left), FAINT)
    of_values = _hat(values[..., channel], hat)
    return (left >= FAINT) & (of_values >= np.maximum(NOISE * _mean(of_values), LEVELS))


def _mean(hats: np.ndarray) -> np.ndarray:
    return cv2.blur(hats, (AROUND, AROUND))


def _hat(channel: np.ndarray, hat: int) -> np.ndarray:
    kernel = np.ones((STROKE, STROKE), np.uint8)
    return cv2.morphologyEx(np.ascontiguousarray(channel), hat, kernel).astype(np.float32)


def _count(found: np.ndarray, box: tuple[int, ...]) -> np.ndarray:
    return cv2.boxFilter(found.astype(np.float32), -1, box, normalize=False)


def _shrunk(picture: np.ndarray, shrink: int) -> np.ndarray:
    if shrink == 1:
        return picture
    height, width = (max(1, side // shrink) for side in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, -1)


def _boxes(found: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of what is found with its margin; boxes that overlap are one."""
    height, width = found.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    padded = np.zeros((rows * CELL, columns * CELL), bool)
    padded[:height, :width] = found
    cells = np.asarray(padded.reshape(rows, CELL, columns, CELL).any((1, 3)), np.uint8)
    reach = 2 * -(-MARGIN // CELL) + 1
    grown = cv2.dilate(cells, np.ones((reach, reach), np.uint8))
    boxes: list[tuple[int, int, int, int]] = []
    for left, top, wide, high, _ in cv2.connectedComponentsWithStats(grown, connectivity=4)[2][1:].tolist():
        box = (left, top, left + wide, top + high)
        while touched := [other for other in boxes if _overlap(box, other)]:
            boxes = [other for other in boxes if other not in touched]
            ends = np.array([box, *touched])
            box = (*ends[:, :2].min(0).tolist(), *ends[:, 2:].max(0).tolist())
        boxes.append(box)
    return [(CELL * left, CELL * top, CELL * right, CELL * bottom) for left, top, right, bottom in boxes]


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
