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

from tasks.imaging.text_candidates import View, regions

EDGE = 768  # pixels of the parts that are looked at: in larger ones the detector overlooks small text
OVERLAP = 128  # pixels that parts have in common, so that a line is whole in one of them
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
ALONE = 1.7  # width by height below which what is read as one sign is one: a mark, or something round
GRID = 32  # pixels of which the detector's input has multiples
TALL = 96  # pixels, or a quarter of the picture if that is more: letters are not higher, bones are
SHORT = 3  # length by height, from which something so tall is a line all the same
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


def sees_text(view: View, likely: float, enlarge: bool = True) -> bool:
    """Whether a line is text with a likelihood of `likely` or more; `enlarge` as for `lines`."""
    return any(line.likelihood >= likely for line in lines(view, enlarge))


def read_lines(view: View, likely: float) -> Iterator[tuple[str, ...]]:
    """How each line that is text with a likelihood of `likely` or more reads, in four orientations."""
    return (line.texts for line in lines(view) if line.likelihood >= likely)


def lines(view: View, enlarge: bool = True) -> Iterator[Line]:
    """Each line that is proposed in a view; side marks are none.

    Args:
        enlarge: look at small text enlarged, which finds what is below 12 pixels.
    """
    picture = view.picture
    tallest = max(TALL, min(picture.shape[:2]) / 4)
    for region in regions(view):
        scale = (2.0 if enlarge else 1.0) / region.shrink
        seen = picture[region.rows, region.columns]
        for part, (left, top) in _parts(seen, round(EDGE / scale), round(OVERLAP / scale)):
            corner = (region.columns.start + left, region.rows.start + top)
            yield from _lines(part, corner, scale, tallest)


def _lines(part: np.ndarray, corner: tuple[int, int], scale: float, tallest: float) -> list[Line]:
    height, width = (max(1, round(side * scale)) for side in part.shape[:2])
    seen = cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_CUBIC)
    below, right = -height % GRID, -width % GRID  # letters stay in shape, as the detector would stretch them
    seen = cv2.copyMakeBorder(seen, 0, below, 0, right, cv2.BORDER_REPLICATE).reshape(height + below, width + right, -1)
    seen = np.ascontiguousarray(np.broadcast_to(seen, (*seen.shape[:2], 3)))
    shrink = np.array([part.shape[1] / width, part.shape[0] / height])
    made = []
    with _models() as models:
        found = models.text_det(seen)
        for box, score in () if found.boxes is None else zip(found.boxes, found.scores, strict=True):
            figures = None if _is_tall(box, tallest * scale) else _figures(models, seen, box, score, scale)
            if figures is not None:
                made.append(Line(box * shrink + corner, *figures))
    return made


def _is_tall(box: np.ndarray, tallest: float) -> bool:
    """Whether it is higher than any letters, and too short for a line of them: a bone, not a name."""
    short, long = sorted((float(np.linalg.norm(box[0] - box[1])), float(np.linalg.norm(box[0] - box[3]))))
    return short > tallest and long < SHORT * short


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
