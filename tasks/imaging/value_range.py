"""Between stored values (8 to 16 bits, signed or not, any window) and the [0, 1] that enhancement works on.

Enhancement sees what the window shows: its ends are 0 and 1, and what lies beyond looks like the ends. What comes back
is not the filtered picture but the change it makes, which is added to the stored values: values beyond the window keep
their distance from it, values that are not changed keep every bit, and no chain passes through 8 bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate


@dataclass(frozen=True)
class Levels:
    """The stored values that are 0 and 1 for enhancement.

    Attributes:
        inverted: `low` is the brightest (MONOCHROME1).
        windowed: `low` and `high` are a window's, not those of the bit depth.
    """

    low: float
    high: float
    inverted: bool = False
    windowed: bool = False

    def shown(self, values: np.ndarray) -> np.ndarray:
        """Stored values as one sees them: float32 in [0, 1], larger is brighter."""
        unit = ((values.astype(np.float32) - self.low) / (self.high - self.low)).clip(0, 1).astype(np.float32)
        return 1 - unit if self.inverted else unit


def apply_in_window(
    enhance: Callable[[Tensor], Tensor],
    values: np.ndarray,
    levels: Levels,
    limits: tuple[int, int],
    padding: tuple[int, int] | None = None,
) -> np.ndarray:
    """Enhances one frame.

    Args:
        enhance: takes and gives (1, c, h, w) float32 in [0, 1]; what it gives may be of another size.
        values: (h, w, c), 8 or 16 bits.
        limits: the least and the greatest value that may be stored.
        padding: values that stand for no picture; they stay.

    Returns:
        (h', w', c) of the same type.
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
