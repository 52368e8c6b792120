"""Small arithmetic that several filters share."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

BAND = 2**16  # pixels: with smaller ones the calls cost more than the cache saves


def luma(images: Tensor) -> Tensor:
    """The grey of each pixel, (n, 1, h, w): Rec. 709 weights on coded values."""
    return images[:, 0:1] * 0.2126 + images[:, 1:2] * 0.7152 + images[:, 2:3] * 0.0722


def luma_of(picture: np.ndarray) -> np.ndarray:
    """The grey of each pixel of one picture (h, w, 1 or 3), (h, w) float32: Rec. 709 weights on coded values."""
    if picture.shape[-1] == 1:
        return picture[..., 0]
    red, green, blue = (picture[..., i] for i in range(3))
    return red * np.float32(0.2126) + green * np.float32(0.7152) + blue * np.float32(0.0722)


def added(parts: Iterable[Tensor]) -> Tensor:
    """The sum of two or more tensors of one shape, added in their order, so that its bytes do not vary."""
    first, second, *others = parts
    total = first + second
    for part in others:
        total += part
    return total


def by_bands(images: Tensor, reach: int, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Applies a function that looks `reach` pixels far; on a CPU to one band of rows after the other, for its cache.

    The function takes (n, c, h + 2 * reach, w + 2 * reach), border pixels repeated outwards, and gives (n, c, h, w).
    """
    height, width = images.shape[-2:]
    rows = max(1, BAND // (len(images) * width)) if images.device.type == "cpu" else height
    padded = pad(images, (reach, reach, reach, reach), mode="replicate")
    made = torch.empty_like(images)
    for top in range(0, height, rows):
        made[..., top : top + rows, :] = function(padded[..., top : top + rows + 2 * reach, :])
    return made
