"""Small arithmetic that several filters share."""

import numpy as np
from torch import Tensor


def luma(images: Tensor) -> Tensor:
    """The grey of each pixel, (n, 1, h, w): Rec. 709 weights on coded values."""
    return images[:, 0:1] * 0.2126 + images[:, 1:2] * 0.7152 + images[:, 2:3] * 0.0722


def luma_of(picture: np.ndarray) -> np.ndarray:
    """The grey of each pixel of one picture (h, w, 1 or 3), (h, w) float32: Rec. 709 weights on coded values."""
    if picture.shape[-1] == 1:
        return picture[..., 0]
    red, green, blue = (picture[..., i] for i in range(3))
    return red * np.float32(0.2126) + green * np.float32(0.7152) + blue * np.float32(0.0722)


def added(parts: list[Tensor]) -> Tensor:
    """The sum of tensors of one shape, added in the order of the list, so that its bytes do not vary."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
