"""What matters in a picture: where it is busy, and the box of its subject.

Saliency is centre-surround contrast in CIELAB at several scales (as Itti et al. 1998); the subject is the box near
the middle that stands out most from what is around it.
"""

import numpy as np

from tasks.layout.box import Box

EDGE = 96  # pixels of the longer side at which a picture is looked at
_SCALES = ((1.0, 6.0), (2.0, 12.0), (4.0, 20.0))  # blur in pixels of the thing and of its surroundings
_STRONG = 30.0  # of all scales together, in CIELAB: less is not called salient in an even picture
_SALIENT = 0.5  # less than this at its most is no subject
_GROWN = 0.22  # of its edge, at each side: the outline of a thing stands out less than its middle
_CHANGE, _CHANGED = 24, 0.2  # of 255 that something must change, and of the most that counts
_MOST = 0.6  # of the picture that a thing covers
_MIDDLE = 0.58  # of the height: things stand on the ground
_SPREAD = 0.17  # standard deviation of the weight for the middle, in shares of the sides


class Attention:
    """A picture (h, w, 3) uint8 as the eye meets it.

    Attributes:
        subject: the box of what stands out, in pixels of the picture.
    """

    def __init__(self, picture: np.ndarray, subject: Box | None = None) -> None:
        import cv2

        height, width = picture.shape[:2]
        size = _looked_at(width, height)
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        self._x, self._y = size[0] / width, size[1] / height
        salient = _saliency(lab)
        edges = np.hypot(cv2.Sobel(lab[..., 0], cv2.CV_32F, 1, 0), cv2.Sobel(lab[..., 0], cv2.CV_32F, 0, 1))
        self._busy = np.pad(np.cumsum(np.cumsum(edges / 100 + salient, 0), 1), ((1, 0), (1, 0)))
        self.subject = subject or self._found(salient).within(Box(0, 0, width, height))

    def busy(self, box: Box) -> float:
        """How busy a part of the picture is, on average: 0 for an even colour, about 1 for what stands out."""
        rows, columns = self._busy.shape
        left, right = (min(columns - 1, max(0, round(x * self._x))) for x in (box.x, box.right))
        top, bottom = (min(rows - 1, max(0, round(y * self._y))) for y in (box.y, box.bottom))
        total = self._busy[bottom, right] - self._busy[top, right] - self._busy[bottom, left] + self._busy[top, left]
        return float(total) / max(1, (right - left) * (bottom - top))

    def busiest(self, box: Box) -> float:
        """How busy the busiest sixteenth of a part of the picture is."""
        width, height = max(1, box.width // 4), max(1, box.height // 4)
        cells = (Box(box.x + i * width, box.y + j * height, width, height) for i in range(4) for j in range(4))
        return max(self.busy(cell) for cell in cells)

    def _found(self, salient: np.ndarray) -> Box:
        if salient.max() < _SALIENT:  # nothing stands out, so that there is nothing to keep
            height, width = salient.shape
            return Box(int(width / self._x / 2), int(height / self._y / 2), 1, 1)
        left, top, right, bottom = _most_salient(salient)
        x, y, width, height = left / self._x, top / self._y, (right - left) / self._x, (bottom - top) / self._y
        return Box(int(x), int(y), int(width), int(height)).grown(int(_GROWN * (width + height) / 2))


def changed(picture: np.ndarray, without: np.ndarray) -> Box | None:
    """The box of what is in one picture (h, w, 3) uint8 and not in another; None if that is nothing or nearly all.

    The other is generated without the thing, from the same seed: occlusion (Zeiler & Fergus 2014), applied to words.
    """
    import cv2

    if picture.shape != without.shape:
        return None
    height, width = picture.shape[:2]
    size = _looked_at(width, height)
    change = cv2.resize(cv2.absdiff(picture, without).max(2), size, interpolation=cv2.INTER_AREA)
    if change.max() < _CHANGE:
        return None
    smooth = cv2.GaussianBlur(change, (0, 0), 1.0)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((smooth > _CHANGED * smooth.max()).astype(np.uint8))
    weights = np.bincount(labels.ravel(), smooth.ravel(), len(stats))
    weights[0] = 0
    x, y, wide, high = (int(value) for value in stats[int(weights.argmax())][:4])
    if wide * high > _MOST * size[0] * size[1]:
        return None
    across, down = width / size[0], height / size[1]
    return Box(int(x * across), int(y * down), round(wide * across), round(high * down))


def _looked_at(width: int, height: int) -> tuple[int, int]:
    """Width and height at which a picture is looked at."""
    scale = EDGE / max(height, width)
    return max(8, round(width * scale)), max(8, round(height * scale))


def _most_salient(salient: np.ndarray) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) that stands out most from the ring around it, near the middle."""
    rows, columns = salient.shape
    total = np.pad(np.cumsum(np.cumsum(salient, 0), 1), ((1, 0), (1, 0)))

    def summed(x: np.ndarray, y: np.ndarray, width: np.ndarray, height: np.ndarray) -> np.ndarray:
        left, right = np.clip(x, 0, columns), np.clip(x + width, 0, columns)
        top, bottom = np.clip(y, 0, rows), np.clip(y + height, 0, rows)
        area = np.maximum(1, (right - left) * (bottom - top))
        found = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        return np.stack([found, area])

    edges = np.unique(np.round(np.geomspace(0.14, 0.75, 9) * min(rows, columns)).astype(int))
    grid = np.meshgrid(np.arange(0, columns, 2), np.arange(0, rows, 2), edges, edges, indexing="ij")
    x, y, width, height = (axis.ravel() for axis in grid)
    kept = (x + width <= columns) & (y + height <= rows) & (width < 2 * height) & (height < 2 * width)
    x, y, width, height = (axis[kept] for axis in (x, y, width, height))
    inside, area = summed(x, y, width, height)
    ring = np.maximum(2, (width + height) // 8)
    around, wide = summed(x - ring, y - ring, width + 2 * ring, height + 2 * ring)
    stands_out = inside / area - (around - inside) / np.maximum(1, wide - area)
    off = ((x + width / 2) / columns - 0.5) ** 2 + ((y + height / 2) / rows - _MIDDLE) ** 2
    best = int((stands_out * area**0.25 * np.exp(-off / (2 * _SPREAD**2))).argmax())
    return int(x[best]), int(y[best]), int(x[best] + width[best]), int(y[best] + height[best])


def _saliency(lab: np.ndarray) -> np.ndarray:
    """(h, w) in [0, 1]."""
    import cv2

    height, width = lab.shape[:2]
    total = np.zeros((height, width), np.float32)
    for fine, coarse in _SCALES:
        difference = cv2.GaussianBlur(lab, (0, 0), fine) - cv2.GaussianBlur(lab, (0, 0), coarse)
        total += np.linalg.norm(difference, axis=2)
    result: np.ndarray = total / max(float(total.max()), _STRONG)
    return result
