"""Style transfer from one reference picture, without a trained network."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.filters.arguments import File, Loaded
from models.filters.colour import palette
from models.filters.steps import step

_PATCHES = (5, 7, 9)  # pixels a side, from the finest level to the coarsest, each half the size of the one before
_ROUNDS = 3
_CONTENT = 0.35  # share of the picture itself that is mixed in before patches are looked up
_KNOWN = 12_000  # patches of the reference that are looked through
_FEATURES = 32


@step("style", File("picture"), colour=True, each=True)
def style(picture: np.ndarray, reference: Loaded) -> np.ndarray:
    """Paints the picture with the reference's colours and strokes, and keeps what it shows.

    Patch-based texture transfer (after Elad, Milanfar 2017): the palette first; then, from coarse to fine, each patch
    gives way to the reference's nearest, and where patches overlap they are averaged. Nothing here knows what things
    are: strokes follow brightness and edges, and a reference without strokes gives little more than its colours.
    """
    goal = np.ascontiguousarray(reference.array, np.float32)
    content = _pyramid(np.asarray(palette(picture, Loaded(reference.path, goal)), np.float32).clip(0, 1))
    goals = _pyramid(goal)
    source = np.random.default_rng(0)
    made = content[-1]
    for level in range(min(len(content), len(goals)) - 1, -1, -1):
        made = _resized(made, content[level])
        known = _Known(goals[level], _PATCHES[level], source)
        for _ in range(_ROUNDS):
            made = known.paint(made + (content[level] - made) * np.float32(_CONTENT))
    result: np.ndarray = picture + (made - picture) * np.float32(reference.strength)
    return result


class _Known:
    """The reference's patches at one level, and where they lie in the space of their own strongest features."""

    def __init__(self, goal: np.ndarray, side: int, source: np.random.Generator) -> None:
        patches = _windows(goal, side).reshape(-1, side * side * 3)
        if len(patches) > _KNOWN:
            patches = patches[source.choice(len(patches), _KNOWN, replace=False)]
        self.side = side
        self.patches = np.ascontiguousarray(patches)
        self.mean = patches.mean(0)
        off = self.patches - self.mean
        _, vectors = np.linalg.eigh(off.T @ off / len(off))
        self.axes = np.ascontiguousarray(vectors[:, -_FEATURES:], np.float32)
        self.places = off @ self.axes
        self.norms = (self.places**2).sum(1) / 2

    def paint(self, picture: np.ndarray) -> np.ndarray:
        """An image (h, w, 3), float32 in [0, 1], rebuilt from the nearest patches, `side` // 3 pixels apart."""
        side, apart = self.side, max(1, self.side // 3)
        height, width = picture.shape[:2]
        more = [(side, side + -size % apart) for size in (height, width)]
        padded = np.pad(picture, [*more, (0, 0)], mode="edge" if min(height, width) <= 2 * side else "reflect")
        total, weight = np.zeros_like(padded), np.zeros((*padded.shape[:2], 1), np.float32)
        windows = _windows(padded, side)[::apart, ::apart]
        for i, row in enumerate(windows):
            wanted = (row.reshape(len(row), -1) - self.mean) @ self.axes
            nearest = (self.norms - wanted @ self.places.T).argmin(1)
            found = self.patches[nearest].reshape(-1, side, side, 3)
            top = i * apart
            for x in range(side):
                columns = slice(x, x + apart * (len(found) - 1) + 1, apart)
                total[top : top + side, columns] += found[:, :, x].transpose(1, 0, 2)
                weight[top : top + side, columns] += 1
        return (total / np.maximum(weight, 1))[side : side + height, side : side + width]


def _windows(picture: np.ndarray, side: int) -> np.ndarray:
    """(rows, columns, side, side, 3)."""
    return sliding_window_view(picture, (side, side), (0, 1)).transpose(0, 1, 3, 4, 2)


def _pyramid(picture: np.ndarray) -> list[np.ndarray]:
    import cv2

    levels = [picture]
    while len(levels) < len(_PATCHES) and min(levels[-1].shape[:2]) >= 48:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return levels


def _resized(picture: np.ndarray, like: np.ndarray) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(picture, like.shape[1::-1], interpolation=cv2.INTER_LINEAR))
