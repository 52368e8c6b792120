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

from tasks.imaging.text_detector import sees_text
from tasks.imaging.value_range import Levels

LIKELY = 0.3  # of a line to be text, 0 to 1
CERTAIN = 0.6  # of the same where the histogram brought it out, as it brings out noise that looks like letters
STEP = 24  # of 255: a difference between neighbours that can be seen
FEW = 12  # pixels: less than any letter's edge has

Rule = Literal["quarantine", "header", "keep"]


class BurnedInOptions(BaseModel):
    """What is done about text among the pixels."""

    burned_in: Rule = "quarantine"
    """Pictures with text in them: quarantine what the header or a look finds, or what the header says; or keep all."""


def has_text(frame: np.ndarray, levels: Levels) -> bool:
    """Whether somebody, or a scanner of bar codes, could read something in a frame (h, w, 1 or 3) of stored values."""
    first, *others = views(frame, levels)
    return (
        has_code(first)
        or sees_text(first, LIKELY)
        or any(has_code(view) or sees_text(view, CERTAIN, enlarge=False) for view in others)
    )


def has_code(picture: np.ndarray) -> bool:
    """Whether a bar code, QR or Data Matrix code of (h, w, 1 or 3) uint8 can be read."""
    return bool(zxingcpp.read_barcodes(np.ascontiguousarray(picture.squeeze())) if min(picture.shape[:2]) > 8 else ())


def views(frame: np.ndarray, levels: Levels) -> Iterator[np.ndarray]:
    """A frame as uint8 (h, w, 1 or 3): by its window, then, of grey, by the histogram if that shows more."""
    shown = np.rint(levels.shown(frame) * 255).astype(np.uint8)
    yield shown
    if frame.shape[2] == 1:
        equalised = _equalised(frame)
        if _shows_more(equalised, shown):
            yield equalised


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
