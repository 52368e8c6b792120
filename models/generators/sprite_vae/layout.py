"""How things stand to one another, by their poses (x, foot, log size)."""

import itertools
import math
from collections.abc import Sequence

from torch import Tensor

HALF, NEAR = 0.42, 0.75  # of a thing's edge, what its sprite fills beside its middle; how near is too near
APART = 0.2  # of the picture, that things which are to be side by side must be at least


def crowded(poses: Tensor) -> bool:
    """Whether things (n, 3) hide one another or leave the picture, so that they could not be counted."""
    middles = [(x, foot - math.exp(size) / 2, math.exp(size)) for x, foot, size in poses.tolist()]
    if any(x - HALF * edge < 0 or x + HALF * edge > 1 for x, _, edge in middles):
        return True
    pairs = itertools.combinations(middles, 2)
    return any(max(abs(a[0] - b[0]), abs(a[1] - b[1])) < HALF * (a[2] + b[2]) * NEAR for a, b in pairs)


def holds(poses: Tensor, ones: Sequence[int], where: str, others: Sequence[int]) -> bool:
    """Whether things are where a relation says, by their middles; without others, on that side of the picture."""

    def middle(slot: int) -> tuple[float, float]:
        x, foot, size = poses[slot].tolist()
        return x, foot - math.exp(size) / 2

    at = 0 if where in {"left", "right"} else 1
    sign = 1 if where in {"right", "below"} else -1
    base = [middle(slot)[at] for slot in others] or [0.5]
    apart = APART if others else APART / 2
    return all(sign * (middle(slot)[at] - other) >= apart for slot in ones for other in base)
