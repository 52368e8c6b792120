"""Burned-in text: letters or a machine-readable code among the pixels, such as a name in the corner of an ultrasound.

Found by looking: at what the window shows, and at all values by their histogram, so that text stands out which the
window leaves out or flattens. What was read is never kept, only that there was something.
"""

from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
import zxingcpp
from pydantic import BaseModel

from tasks.imaging.text_candidates import View
from tasks.imaging.text_detector import lines, sees_text
from tasks.imaging.value_range import Levels

LIKELY = 0.27  # of a line to be text, 0 to 1
CERTAIN = 0.7  # of the same where the histogram brought it out, as it brings out noise that looks like letters
STEP = 24  # of 255: a difference between neighbours that can be seen
FEW = 12  # pixels: less than any letter's edge has

AROUND = 0.35  # of a line's height, that is painted over around it, and so many pixels more:
RIM = 3

Rule = Literal["quarantine", "header", "keep", "mask"]


class BurnedInOptions(BaseModel):
    """What is done about text among the pixels."""

    burned_in: Rule = "quarantine"
    """Pictures with text in them: quarantine what the header or a look finds, or what the header says; keep all; or
    mask: paint over what a look finds, and quarantine where that is not enough."""


def has_text(frame: np.ndarray, levels: Levels) -> bool:
    """Whether somebody, or a scanner of bar codes, could read something in a frame (h, w, 1 or 3) of stored values."""
    first, *others = views(frame, levels)
    return (
        has_code(first.picture)
        or sees_text(first, LIKELY)
        or any(has_code(view.picture) or sees_text(view, CERTAIN, enlarge=False) for view in others)
    )


def text_boxes(frame: np.ndarray, levels: Levels) -> list[np.ndarray]:
    """Where something could be read in a frame (h, w, 1 or 3) of stored values: corners (4, 2), x and y in pixels."""
    first, *others = views(frame, levels)
    found = [line.box for line in lines(first) if line.likelihood >= LIKELY]
    for view in others:
        found += [line.box for line in lines(view, enlarge=False) if line.likelihood >= CERTAIN]
    return found + [box for view in (first, *others) for box in code_boxes(view.picture)]


def paint_over(frames: np.ndarray, boxes: list[np.ndarray]) -> np.ndarray:
    """Frames (n, h, w, c) in which boxes have, of each frame and channel, the median of what is around them."""
    height, width = frames.shape[1:3]
    shapes: list[np.ndarray] = []
    for box in boxes:
        shape: np.ndarray = np.zeros((height, width), np.uint8)
        cv2.fillPoly(shape, [np.rint(box).astype(np.int32)], 1)
        sides = np.linalg.norm(box - np.roll(box, 1, axis=0), axis=1)
        reach = RIM + round(AROUND * float(sides.min()))
        shapes.append(cv2.dilate(shape, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)))
    painted, hidden = frames.copy(), np.any(shapes, axis=0)
    for shape in shapes:
        around = (cv2.dilate(shape, np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)) > 0) & ~hidden
        ground = frames[:, around] if around.any() else frames[:, ~hidden]
        value = np.median(ground, axis=1) if ground.size else np.zeros((len(frames), frames.shape[3]))
        painted[:, shape > 0] = np.rint(value).astype(frames.dtype)[:, None]
    return painted


def code_boxes(picture: np.ndarray) -> list[np.ndarray]:
    """The corners (4, 2) of each bar code, QR or Data Matrix code that can be read in (h, w, 1 or 3) uint8."""
    places = [code.position for code in _codes(picture)]
    return [
        np.array([[corner.x, corner.y] for corner in (p.top_left, p.top_right, p.bottom_right, p.bottom_left)], float)
        for p in places
    ]


def has_code(picture: np.ndarray) -> bool:
    """Whether a bar code, QR or Data Matrix code of (h, w, 1 or 3) uint8 can be read."""
    return bool(_codes(picture))


def _codes(picture: np.ndarray) -> list[zxingcpp.Barcode]:
    return zxingcpp.read_barcodes(np.ascontiguousarray(picture.squeeze())) if min(picture.shape[:2]) > 8 else []


def views(frame: np.ndarray, levels: Levels) -> Iterator[View]:
    """A frame as uint8 (h, w, 1 or 3): by its window, then, of grey, by the histogram if that shows more."""
    shown = np.rint(levels.shown(frame) * 255).astype(np.uint8)
    yield View(shown)
    if frame.shape[2] == 1:
        equalised = _equalised(frame)
        if _shows_more(equalised, shown):
            yield View(equalised, frame.astype(np.float32), shown)


def _equalised(frame: np.ndarray) -> np.ndarray:
    """Each value by the share of pixels below it, (h, w, 1) uint8: what differs at all differs visibly."""
    lowest = int(frame.min())
    ranks = frame.astype(np.int32) - lowest
    counts = np.bincount(ranks.ravel())
    share = (np.cumsum(counts) - counts / 2) / counts.sum()
    return np.rint(share * 255).astype(np.uint8)[ranks]


def _shows_more(equalised: np.ndarray, shown: np.ndarray) -> bool:
    """Whether there are edges in the one that the other has not."""
    return int(((_edges(equalised) >= STEP) & (_edges(shown) < STEP)).sum()) >= FEW


def _edges(picture: np.ndarray) -> np.ndarray:
    return cv2.morphologyEx(picture[..., 0], cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
