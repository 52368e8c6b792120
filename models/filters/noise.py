"""Denoising by filters: two forms of non-local means, bilateral, wavelet, total variation.

Where a step takes a noise level, it is the standard deviation as a share of the full range; `auto` estimates it from
the picture's finest wavelet coefficients (Donoho, Johnstone 1994).
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from models.filters.arguments import AUTO, Number
from models.filters.numbers import added
from models.filters.steps import step

SIGMA = Number(0, 0.5, neutral=0, unit="standard deviation of the noise", auto="estimated for each picture")


@step("denoise", Number(0, 1, neutral=0, unit="strength, made for noise of ten times less"), reach=3)
def denoise(images: Tensor, strength: float) -> Tensor:
    """Non-local means over 5 x 5 neighbours, compared by their 3 x 3 surroundings in colour: edges stay.

    Buades, Coll, Morel 2005, with the bisquare weights of Goossens et al. 2008, which end at a distance where an
    exponential never does (and need no exp). At their best they come out 1 to 3 dB ahead of OpenCV's
    `fastNlMeansDenoisingColored` at its own best, on a photograph at 64 to 256 pixels.
    """
    if strength == 0:
        return images
    height, width = images.shape[-2:]
    reach = 10 * (0.1 * strength) ** 2  # two noisy looks at one thing differ by 2 sigma^2: five times that is another
    padded = pad(images, (3, 3, 3, 3), mode="replicate")
    centre = padded[..., 2 : height + 4, 2 : width + 4]
    total, weights = images, torch.ones_like(images[:, :1])
    for down in range(5):
        for right in range(5):
            if down == right == 2:
                continue
            other = padded[..., down : down + height + 2, right : right + width + 2]
            squares = (centre - other) * (centre - other)
            grey = squares.shape[1] == 1
            distance = squares * 3 if grey else squares[:, 0:1] + squares[:, 1:2] + squares[:, 2:3]
            distance = added([distance[..., i : i + height, :] for i in range(3)])
            distance = added([distance[..., i : i + width] for i in range(3)])
            weight = (1 - distance * (1 / (27 * reach))).clamp(min=0)
            weight = weight * weight
            total = total + other[..., 1:-1, 1:-1] * weight
            weights = weights + weight
    return total / weights


@step("denoise-nlm", SIGMA, each=True, reach=8)
def denoise_nlm(picture: np.ndarray, sigma: float | str) -> np.ndarray:
    """Non-local means (Buades, Coll, Morel 2005) by scikit-image: 5 x 5 patches over 13 x 13 pixels."""
    from skimage.restoration import denoise_nl_means

    level = sigma_of(picture, sigma)
    if level == 0:
        return picture
    pixels = picture.astype(np.float64)  # it sums over the whole picture and takes differences
    grey = picture.shape[-1] == 1
    made = denoise_nl_means(
        pixels[..., 0] if grey else pixels, 5, 6, h=0.8 * level, sigma=level, channel_axis=None if grey else -1
    )
    return np.asarray(made).reshape(picture.shape)


@step("denoise-bilateral", SIGMA, each=True, reach=6)
def denoise_bilateral(picture: np.ndarray, sigma: float | str) -> np.ndarray:
    """Bilateral filter (Tomasi, Manduchi 1998) by OpenCV, in float."""
    import cv2

    level = sigma_of(picture, sigma)
    if level == 0:
        return picture
    made = cv2.bilateralFilter(picture, 13, 3 * level, 2.0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(made).reshape(picture.shape)


@step("denoise-wavelet", SIGMA, each=True)
def denoise_wavelet(picture: np.ndarray, sigma: float | str) -> np.ndarray:
    """Soft thresholds of each subband (BayesShrink; Chang, Yu, Vetterli 2000) by scikit-image, over 4 x 4 shifts."""
    from skimage.restoration import cycle_spin
    from skimage.restoration import denoise_wavelet as shrink

    level = sigma_of(picture, sigma)
    if level == 0 or min(picture.shape[:2]) < 8:  # too small for a wavelet
        return picture
    colour = picture.shape[-1] == 3
    how = {"sigma": level, "wavelet": "db2", "convert2ycbcr": colour, "channel_axis": -1, "rescale_sigma": True}
    return np.asarray(cycle_spin(picture, shrink, 3, func_kw=how, channel_axis=-1, workers=1))


@step("denoise-tv", SIGMA, each=True)
def denoise_tv(picture: np.ndarray, sigma: float | str) -> np.ndarray:
    """Least total variation (Rudin, Osher, Fatemi 1992) by scikit-image's Chambolle: flat areas, sharp edges."""
    from skimage.restoration import denoise_tv_chambolle

    level = sigma_of(picture, sigma)
    if level == 0:
        return picture
    return np.asarray(denoise_tv_chambolle(picture, weight=1.0 * level, channel_axis=-1))


def sigma_of(picture: np.ndarray, sigma: float | str) -> float:
    """The noise level that a step was told, or the picture's own.

    As scikit-image's `estimate_sigma`: the median of the finest diagonal wavelet coefficients, but for exact zeros,
    which are a blank background. Without any other, 0.
    """
    import pywt

    if sigma != AUTO:
        return float(sigma)
    levels = []
    for channel in np.moveaxis(picture, -1, 0):
        detail = np.abs(pywt.dwt2(channel, "db2")[1][2])
        detail = detail[detail > 0]
        levels.append(float(np.median(detail)) / 0.6745 if detail.size else 0.0)
    return sum(levels) / len(levels)
