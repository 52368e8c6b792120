"""Finding damage: dead lines, dust, scratches and missing corners of one picture.

What is damage and what is picture cannot be told apart for certain. Each finder asks for a mark that stands out clearly
against calm surroundings, so fine texture, text and edges stay; a lower sensitivity asks for more.
"""

from collections.abc import Iterator

import numpy as np

WIDEST = 9  # pixels: a wider mark is taken for part of the picture
_RING = 5  # pixels around a mark that it is compared with
_CROSS = np.ones((3, 3), np.uint8)


def find_damage(luma: np.ndarray, sensitivity: float) -> tuple[np.ndarray, np.ndarray]:
    """Marks (h, w) bool of a grey picture (h, w) float32: narrow damage, and missing corners.

    Args:
        sensitivity: more than 0, to 1.
    """
    low, high = np.percentile(luma, (1, 99))
    if high <= low or min(luma.shape) < 16:
        nothing = np.zeros(luma.shape, bool)
        return nothing, nothing
    corners = _corners(luma)
    contrast = (0.25 - 0.2 * sensitivity) * float(high - low)  # that a mark must have
    clearly = 7 - 4 * sensitivity  # times what goes on around it
    narrow = _lines(luma, contrast) | _lines(luma.T, contrast).T
    rest = luma.copy()
    if narrow.any():  # their ends are no scratches
        import cv2

        rest = cv2.inpaint(luma, narrow.astype(np.uint8), 3, cv2.INPAINT_NS)
    for sign in (1, -1):
        narrow |= _marks(np.ascontiguousarray(sign * rest), contrast, clearly)
    narrow &= narrow.mean() < 0.2  # so much is the picture
    return narrow & ~corners, corners


def _lines(luma: np.ndarray, contrast: float) -> np.ndarray:
    """Whole rows that differ from their neighbours one way, or hold one value where the neighbours do not."""
    padded = np.pad(luma, ((2, 2), (0, 0)), mode="reflect")
    around = np.median(np.stack([padded[:-4], padded[1:-3], padded[3:-1], padded[4:]]), 0)
    off = luma - around
    beyond = np.maximum((off > contrast / 2).mean(1), (off < -contrast / 2).mean(1))
    stuck = (luma.max(1) - luma.min(1) == 0) & (around.max(1) - around.min(1) > contrast)
    dead = (beyond > 0.6) | stuck
    dead &= dead.mean() < 0.1  # so many are a pattern
    return np.repeat(dead[:, None], luma.shape[1], 1)


def _marks(luma: np.ndarray, contrast: float, clearly: float) -> np.ndarray:
    """Dust and scratches darker than their surroundings, dilated by a pixel."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (WIDEST, WIDEST))
    depth = cv2.morphologyEx(luma, cv2.MORPH_CLOSE, disc, borderType=cv2.BORDER_REPLICATE) - luma
    core = (depth > contrast).astype(np.uint8)
    found = np.zeros(luma.shape, np.uint8)
    for place, part in _parts(core):
        if _is_spot(luma[place], part, clearly):
            found[place] |= part
    thick = cv2.dilate(core, _CROSS)
    for angle in np.arange(0, np.pi, np.pi / 24):  # what stays of a line of its own direction, whatever it touches
        straight = cv2.morphologyEx(thick, cv2.MORPH_OPEN, _stroke(angle)) & core
        for place, part in _parts(straight):
            if _is_scratch(luma[place], part > 0, clearly):
                found[place] |= part
    return cv2.dilate(found, _CROSS) > 0


def _parts(mask: np.ndarray) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """The connected components of a mask: for each the slices of its box with a margin, and its mask in that box.

    One or two pixels are noise, for a denoiser.
    """
    import cv2

    number, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for index in range(1, number):
        x, y, width, height, area = (int(v) for v in stats[index])
        if area >= 3:
            place = (
                slice(max(0, y - _RING), y + height + _RING),
                slice(max(0, x - _RING), x + width + _RING),
            )
            yield place, (labels[place] == index).astype(np.uint8)


def _stroke(angle: float) -> np.ndarray:
    """A line of 25 pixels as a structuring element."""
    import cv2

    ends = [(round(12 + s * 12 * np.cos(angle)), round(12 + s * 12 * np.sin(angle))) for s in (-1, 1)]
    return cv2.line(np.zeros((25, 25), np.uint8), ends[0], ends[1], 1)


def _is_spot(luma: np.ndarray, part: np.ndarray, clearly: float) -> bool:
    """Whether a mark stands out against all that is around it."""
    import cv2

    grown = cv2.dilate(part.astype(np.uint8), _CROSS)
    around = luma[(cv2.dilate(grown, _CROSS, iterations=3) > 0) & (grown == 0)]
    if not around.size or not part.any():
        return False
    inside = float(np.median(luma[part > 0]))
    outside = float(np.median(around))
    as_dark = (around < (outside + inside) / 2).mean()  # then it is a piece of something larger
    return bool(outside - inside > clearly * around.std() and as_dark < 0.05)


def _is_scratch(luma: np.ndarray, part: np.ndarray, clearly: float) -> bool:
    """Whether a mark is a long, thin, straight line that stands out piece by piece, whatever it crosses."""
    places = np.argwhere(part)
    if max(part.shape) < 40 + 2 * _RING or len(places) > 5 * max(part.shape):
        return False
    off = places - places.mean(0)
    if np.sqrt(np.linalg.eigvalsh(off.T @ off / len(off))[0]) > 1.2:  # pixels across
        return False
    axis = int(np.ptp(places[:, 0]) < np.ptp(places[:, 1]))
    steps = range(int(places[:, axis].min()), int(places[:, axis].max()) + 1, 8)
    clear = 0
    for start in steps:
        piece = slice(max(0, start - _RING), start + 8 + _RING)
        place = (piece, slice(None)) if axis == 0 else (slice(None), piece)
        across = places[(places[:, axis] >= start) & (places[:, axis] < start + 8)][:, 1 - axis]
        near = slice(max(0, int(across.min(initial=0)) - _RING), int(across.max(initial=0)) + _RING)
        window = (place[0], near) if axis == 0 else (near, place[1])
        clear += _is_spot(luma[window], part[window], clearly / 2)
    return clear >= 0.6 * len(steps)


def _corners(luma: np.ndarray) -> np.ndarray:
    """Corners of pure black or white that a cut or tear leaves: triangles, not the outside of a round field of view."""
    import cv2

    height, width = luma.shape
    found = np.zeros(luma.shape, bool)
    for row, column in ((0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)):
        if 0.004 < luma[row, column] < 0.996:
            continue
        alike = (np.abs(luma - luma[row, column]) < 0.004).astype(np.uint8)
        _, labels = cv2.connectedComponents(alike, connectivity=4)
        region = labels == labels[row, column]
        along = int(region[row].sum()), int(region[:, column].sum())
        triangle = along[0] * along[1] / 2
        small = 3 <= along[0] <= width / 4 and 3 <= along[1] <= height / 4
        if small and 0.7 * triangle < region.sum() < 1.4 * triangle + 8:
            found |= cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return found
