"""Map stored values (8 to 16 bits, signed or unsigned, any window) to the [0, 1] of enhancement and back.

Enhancement sees what the display window shows: the window's ends are 0 and 1, and values beyond are clipped. The
result is not the filtered picture but the stored values plus the change that the filter made. So values outside the
window keep their distance from it, unchanged values keep every bit, and nothing is rounded to 8 bits on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate


@dataclass(frozen=True)
class Levels:
    """The stored values that enhancement sees as 0 and 1.

    Attributes:
        inverted: `low` is displayed brightest (MONOCHROME1).
        windowed: `low` and `high` come from a display window, not from the bit depth.
    """

    low: float
    high: float
    inverted: bool = False
    windowed: bool = False

    def shown(self, values: np.ndarray) -> np.ndarray:
        """Stored values as they are displayed: float32 in [0, 1] of the same shape, larger is brighter."""
        unit = ((values.astype(np.float32) - self.low) / (self.high - self.low)).clip(0, 1).astype(np.float32)
        return 1 - unit if self.inverted else unit


def apply_in_window(
    enhance: Callable[[Tensor], Tensor],
    values: np.ndarray,
    levels: Levels,
    limits: tuple[int, int],
    padding: tuple[int, int] | None = None,
) -> np.ndarray:
    """Enhances one frame through its display window.

    Args:
        enhance: maps (1, c, h, w) float32 in [0, 1] to the same, possibly of another height and width.
        values: (h, w, c) stored values of 8 or 16 bits.
        limits: the least and the greatest value that may be stored.
        padding: the range of values that mark pixels outside the picture; these are not changed.

    Returns:
        (h', w', c) stored values of the same type.
    """
    seen = torch.from_numpy(levels.shown(values)).permute(2, 0, 1)[None]
    made = enhance(seen)
    stored = torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)[None]
    same_size = made.shape == seen.shape
    if not same_size:
        size = tuple(made.shape[-2:])
        seen = interpolate(seen, size, mode="bicubic").clamp(0, 1)
        stored = interpolate(stored, size, mode="bicubic")
    change = (made - seen) * (levels.high - levels.low)
    result = (stored - change if levels.inverted else stored + change).round_().clamp_(*limits)
    array = result[0].permute(1, 2, 0).numpy().astype(values.dtype)
    if padding is not None and same_size:
        outside = (values >= padding[0]) & (values <= padding[1])
        array[outside] = values[outside]
    return np.ascontiguousarray(array)
