"""Burned-in text: letters among the pixels, such as a name in the corner of an ultrasound picture.

Found by what the header says and by looking: PP-OCR's text detector and reader, whose weights come with the package
rapidocr, on what the window shows and, where that leaves much out, on all values too. Lone side marks (`L`, `R`, `PA`)
are no reason to put a picture aside: it takes three readable letters or digits in one frame. What was read is never
kept, only that there was something.
"""

import threading
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import BaseModel

from tasks.imaging.value_range import Levels

SURE = 0.6  # the reader's own score, 0 to 1
LETTERS = 3
EDGE = 1536  # pixels: larger pictures are looked at in parts of that size
SMALL = 512  # pixels: smaller ones are enlarged, or letters would be too small to be found
OVERLAP = 128  # pixels that parts have in common, so that a line is whole in one of them
_lock = threading.Lock()


Rule = Literal["quarantine", "header", "keep"]


class BurnedInOptions(BaseModel):
    """What is done about text among the pixels."""

    burned_in: Rule = "quarantine"
    """Pictures with text in them: quarantine what the header or a look finds, or what the header says; or keep all."""


def has_text(frame: np.ndarray, levels: Levels) -> bool:
    """Whether somebody could read something in a frame (h, w, 1 or 3) of stored values."""
    views = [levels.shown(frame)]
    if levels.windowed:
        low, high = float(frame.min()), float(frame.max())
        if high - low > 1.25 * (levels.high - levels.low) or low > levels.high or high < levels.low:
            views.append(Levels(low, max(high, low + 1), levels.inverted).shown(frame))
    return any(_read(part) >= LETTERS for view in views for part in _parts(np.rint(view * 255).astype(np.uint8)))


def _parts(picture: np.ndarray) -> list[np.ndarray]:
    height, width = picture.shape[:2]
    step = EDGE - OVERLAP
    return [
        picture[top : top + EDGE, left : left + EDGE]
        for top in range(0, max(1, height - OVERLAP), step)
        for left in range(0, max(1, width - OVERLAP), step)
    ]


def _read(picture: np.ndarray) -> int:
    """How many letters and digits can be read in (h, w, 1 or 3) uint8."""
    if picture.max() == picture.min():
        return 0
    picture = np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
    scale = SMALL / max(picture.shape[:2])
    if scale > 1:
        picture = cv2.resize(picture, None, fx=min(scale, 4), fy=min(scale, 4), interpolation=cv2.INTER_CUBIC)
    with _lock:
        found = _reader()(picture, use_cls=False)
    texts = zip(found.txts or (), found.scores or (), strict=True)
    return sum(sum(c.isalnum() for c in text) for text, score in texts if score >= SURE)


@cache
def _reader() -> Any:
    from rapidocr import RapidOCR

    one_thread = {
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    as_it_is = {"Det.limit_type": "max", "Det.limit_side_len": EDGE, "Global.text_score": SURE}
    return RapidOCR(params={"Global.log_level": "critical", **one_thread, **as_it_is})
