"""Where text is in a picture, in whatever script: PP-OCR's detector proposes lines, its reader's figures decide.

The weights come with the package rapidocr. The detector knows no script and finds lines that are turned or mirrored,
but also ribs and wires. The reader is asked about each proposal in four orientations. Of a script that it was never
taught (Arabic, Greek, Cyrillic, Korean) it reads nonsense, yet characters at a regular pace, which an edge does not
give: a logistic regression on seven figures of both models tells them apart. `python -m benchmarks.burned_in` measures
what is found; with `--fit` it fits coefficients anew.
"""

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, exp, log
from typing import Any

import cv2
import numpy as np

EDGE = 768  # pixels of the parts that are looked at: in larger ones the detector overlooks small text
OVERLAP = 128  # pixels that parts have in common, so that a line is whole in one of them
WIDE = 1536  # pixels: smaller pictures are looked at once more, enlarged towards this: letters of 8 pixels are thin
PROPOSED = {"Det.thresh": 0.2, "Det.box_thresh": 0.4}  # low, as the reader decides; below, it is never text
HEIGHT, LONGEST = 48, 640  # pixels of a line as the reader takes it
# Side and orientation marks, which say nothing of a person: no reason to put a picture aside.
MARKS = frozenset(
    {
        *("L", "R", "A", "P", "H", "F", "S", "I", "PA", "AP", "LT", "RT", "LL", "RL", "LAT", "LEFT", "RIGHT"),
        *("SUP", "INF", "ANT", "POST", "CM", "MM", "0", "1"),
    }
)
CERTAIN = 0.6  # of a mark that was read, 0 to 1
ALONE = 1.3  # width by height below which what is read as one sign is one: a mark, or something round
STROKE, FAINT = 7, 20  # pixels; of 255, by which a stroke differs from what is beside it
BOX, STROKES = (33, 13), 40  # pixels around, and how many of them are strokes where there are letters: 88 at the least
GRID = 32  # pixels of which the detector's input has multiples
MARGIN = 32  # pixels around what is seen
THIN = 5  # pixels: what is proposed with less of a height has no letters
# Fitted to 499 lines of invented names in seven scripts, and 186 proposals on pictures without text.
INTERCEPT = -4.52
WEIGHTS = np.array([11.16, 3.24, 0.08, 3.78, 0.12, 0.19, -1.59])
_turns = threading.BoundedSemaphore(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
_idle: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
_loading = threading.Lock()


@dataclass(frozen=True)
class Line:
    """What is proposed as a line of text in a picture.

    Attributes:
        box: its four corners (4, 2) as x and y in pixels of the picture.
        figures: what both models say of it, (7,); see `_figures`.
        texts: how it reads as it is, upside down, and both mirrored.
    """

    box: np.ndarray
    figures: np.ndarray
    texts: tuple[str, ...]

    @property
    def likelihood(self) -> float:
        """How likely it is text, 0 to 1."""
        return 1 / (1 + exp(-float(self.figures @ WEIGHTS + INTERCEPT)))


def sees_text(picture: np.ndarray, likely: float, enlarge: bool = True) -> bool:
    """Whether a line of (h, w, 1 or 3) uint8 is text with a likelihood of `likely` or more; side marks are none.

    Args:
        enlarge: look at a small picture once more, enlarged, which finds text below 12 pixels in five times the time.
    """
    return any(line.likelihood >= likely for line in lines(picture, enlarge))


def read_lines(picture: np.ndarray, likely: float) -> Iterator[tuple[str, ...]]:
    """How each line that is text with a likelihood of `likely` or more reads, in four orientations."""
    return (line.texts for line in lines(picture) if line.likelihood >= likely)


def lines(picture: np.ndarray, enlarge: bool = True) -> Iterator[Line]:
    """Each line that is proposed in a picture (h, w, 1 or 3) uint8, at its size and enlarged; side marks are none."""
    enlarged = min(2.0, WIDE / max(picture.shape[:2]))
    for scale in (1.0, enlarged) if enlarge and enlarged > 1 else (1.0,):
        for part, (left, top) in _parts(picture, round(EDGE / scale), round(OVERLAP / scale)):
            seen = _busy(part)
            if seen is not None:
                rows, columns = seen
                corner = (left + columns.start, top + rows.start)
                yield from _lines(part[rows, columns], corner, scale)


def _busy(part: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns of a part (h, w, 1 or 3) outside of which there are no strokes as letters are made of; or None.

    A stroke is what a top hat leaves: brighter or darker than both sides of it within `STROKE` pixels, at the size of
    the part, its half and its quarter. Letters have many of them side by side; noise and anatomy that a window shows
    as smooth have not. `python -m benchmarks.burned_in` prints how many the faintest text has.
    """
    spans: list[list[int]] = []
    for shrink in (1, 2, 4):
        size = (max(1, part.shape[1] // shrink), max(1, part.shape[0] // shrink))
        small = part if shrink == 1 else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        rows, columns = np.nonzero(strokes(small.reshape(size[1], size[0], -1)) >= STROKES)
        if rows.size:
            spans.append([shrink * end for end in (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)])
    if not spans:
        return None
    ends = np.array(spans)
    (top, left), (bottom, right) = ends[:, ::2].min(0), ends[:, 1::2].max(0)
    height, width = part.shape[:2]
    return _around(int(top), int(bottom), height), _around(int(left), int(right), width)


def _around(first: int, last: int, size: int) -> slice:
    """With the margin, and if it fits of a length that the detector takes as it is, since letters stay in shape so."""
    first, last = max(0, first - MARGIN), min(size, last + MARGIN)
    length = min(size, ceil((last - first) / GRID) * GRID)
    first = min(first, size - length)
    return slice(first, first + length)


def strokes(picture: np.ndarray) -> np.ndarray:
    """For each pixel of (h, w, 1 or 3) uint8, how many pixels of strokes are around it: in a lying or standing box."""
    most = np.zeros(picture.shape[:2], np.float32)
    kernel = np.ones((STROKE, STROKE), np.uint8)
    for channel in np.moveaxis(picture, 2, 0):
        for hat in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
            found = (cv2.morphologyEx(np.ascontiguousarray(channel), hat, kernel) >= FAINT).astype(np.float32)
            for box in (BOX, BOX[::-1]):
                np.maximum(most, cv2.boxFilter(found, -1, box, normalize=False), out=most)
    return most


def _lines(part: np.ndarray, corner: tuple[int, int], scale: float) -> list[Line]:
    height, width = (max(GRID, round(side * scale / GRID) * GRID) for side in part.shape[:2])
    seen = cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_CUBIC)
    seen = np.ascontiguousarray(np.broadcast_to(seen.reshape(height, width, -1), (height, width, 3)))
    shrink = np.array([part.shape[1] / width, part.shape[0] / height])
    with _models() as models:
        found = models.text_det(seen)
        proposed = () if found.boxes is None else zip(found.boxes, found.scores, strict=True)
        told = [(box * shrink + corner, _figures(models, seen, box, score, scale)) for box, score in proposed]
    return [Line(box, *figures) for box, figures in told if figures is not None]


def _parts(picture: np.ndarray, edge: int, overlap: int) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Parts of at most `edge` that cover a picture and share `overlap`, as small as their number allows.

    Each with its left upper corner, as x and y.
    """

    def spans(size: int) -> list[tuple[int, int]]:
        count = max(1, ceil((size - overlap) / (edge - overlap)))
        length = ceil((size - overlap) / count) + overlap if count > 1 else size
        return [(min(number * (length - overlap), size - length), length) for number in range(count)]

    for top, height in spans(picture.shape[0]):
        for left, width in spans(picture.shape[1]):
            yield picture[top : top + height, left : left + width], (left, top)


def _figures(
    models: Any, picture: np.ndarray, box: np.ndarray, score: float, scale: float
) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """What both models say of a line, (7,), and how it reads; None of a mark or a hair.

    The detector's score; the reader's best score, characters a height, share of steps that are no gap, and characters;
    the logarithms of the line's length by its height and of its height in pixels of the picture.
    """
    line = _upright(picture, box.astype(np.float32))
    height, width = line.shape[:2]
    if height < THIN * scale:
        return None
    steps = _read(models, line)  # (4, steps, characters)
    index, certainty = steps.argmax(2), steps.max(2)
    new = np.diff(index, axis=1, prepend=0) != 0
    char = (index != 0) & new
    count = char.sum(1)
    scores = np.where(count > 0, (certainty * char).sum(1) / np.maximum(count, 1), 0.0)
    texts = models.text_rec.postprocess_op(steps)[0]
    aspect = max(1.0, width / height)
    marks = (text.strip().upper() for text, sure in texts if sure >= CERTAIN)
    if any(text in MARKS and aspect <= len(text) + 0.5 for text in marks):
        return None
    if count.max() <= 1 and aspect < ALONE:
        return None
    no_gap = float((1 - steps[:, :, 0]).sum(1).max()) / (6 * aspect)
    most = float(count.max())
    told = [score, scores.max(), most / aspect, no_gap, min(most, 12.0), log(aspect), log(height / scale)]
    return np.array(told), tuple(text for text, _ in texts)


def _upright(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A line cut out, (h, w, 3), its longer side along the width."""
    width = int(max(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[2] - box[3])))
    height = int(max(np.linalg.norm(box[0] - box[3]), np.linalg.norm(box[1] - box[2])))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(box, corners)
    cut = cv2.warpPerspective(picture, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.rot90(cut) if height >= 1.5 * width else cut


def _read(models: Any, line: np.ndarray) -> np.ndarray:
    """What the reader says of a line as it is, upside down and mirrored: (4, steps, characters), each 0 to 1."""
    height, width = line.shape[:2]
    wide = min(LONGEST, max(16, ceil(HEIGHT * width / height)))
    small = cv2.resize(np.ascontiguousarray(line), (wide, HEIGHT)).astype(np.float32) / 127.5 - 1
    turned = np.stack([small, small[::-1, ::-1], small[:, ::-1], small[::-1]]).transpose(0, 3, 1, 2)
    padded = np.zeros((4, 3, HEIGHT, max(wide, 64)), np.float32)
    padded[..., :wide] = turned
    return np.asarray(models.text_rec.session(padded))


@contextmanager
def _models() -> Iterator[Any]:
    """RapidOCR with its two models in `text_det` and `text_rec`, which nobody else uses meanwhile.

    There are as many as cores: each uses one, and more threads would share the same cores.
    """
    with _turns:
        try:
            models = _idle.get_nowait()
        except queue.Empty:
            models = _load()
        try:
            yield models
        finally:
            _idle.put(models)


def _load() -> Any:
    from rapidocr import RapidOCR

    one_thread = {
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    whole = {"Det.limit_type": "max", "Det.limit_side_len": 2 * EDGE}  # parts as they are
    with _loading:
        models = RapidOCR(params={"Global.log_level": "critical", **one_thread, **PROPOSED, **whole})
        models._load_det_model()  # it has no public way to load them before it reads
        models._load_rec_model()
    return models
