"""What the generators trained here share: which requests they refuse, and the range of what they return."""

import math
from collections.abc import Sequence

from torch import Tensor

SMALLEST, LARGEST = 16, 2048  # pixels an edge


def check_size(width: int, height: int) -> None:
    """Raises ValueError with one sentence for sizes in pixels that they do not make."""
    if not all(SMALLEST <= edge <= LARGEST for edge in (width, height)):
        raise ValueError(
            f"A picture of {width} x {height} cannot be made: choose {SMALLEST} to {LARGEST} pixels a side."
        )


def check_request(
    features: Sequence[Tensor], seeds: Sequence[int], width: int, height: int, wanted: int, encoder: str
) -> None:
    """Raises ValueError with one sentence if a generator that reads features (tokens, wanted) cannot do it."""
    if len(features) != len(seeds):
        raise ValueError(f"{len(features)} rows of features but {len(seeds)} seeds: give one seed a row.")
    check_size(width, height)
    for row in features:
        if row.ndim != 2 or row.shape[1] != wanted or not len(row):
            raise ValueError(
                f"The generator reads features (tokens, {wanted}) of the encoder {encoder!r}, not "
                f"{tuple(row.shape)}: use that encoder."
            )


def to_unit_range(images: Tensor) -> Tensor:
    """Clamps images of any shape to [0, 1]; infinities become NaN rather than 0 or 1, so that they can be told."""
    return images.masked_fill(~images.isfinite(), math.nan).clamp(0, 1)
