"""What makes a picture a panorama, in figures."""

import numpy as np
from torch import Tensor


def seam(pictures: Tensor) -> float:
    """The mean difference across the seam of (..., 3, h, w) by the median of those between columns inside."""
    differences = (pictures - pictures.roll(1, -1)).abs().flatten(0, -2).mean(0)
    return float(differences[0] / differences[1:].median())


def bytes_of(picture: Tensor) -> np.ndarray:
    """(3, h, w) in [0, 1] as (h, w, 3) uint8."""
    return np.asarray(picture.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)


def psnr(made: np.ndarray, expected: np.ndarray) -> float:
    """Peak signal-to-noise ratio of uint8 pictures in dB."""
    return float(10 * np.log10(255**2 / ((made.astype(float) - expected) ** 2).mean()))


def directions(width: int) -> np.ndarray:
    """A panorama whose colours tell where each pixel is: right, up and ahead as red, green and blue around 127."""
    y, x = np.mgrid[0 : width // 2, 0:width]
    yaw, pitch = ((x + 0.5) / width - 0.5) * 2 * np.pi, (0.5 - (y + 0.5) / (width // 2)) * np.pi
    towards = np.stack([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)], -1)
    return np.asarray(127 + 120 * towards).astype(np.uint8)
