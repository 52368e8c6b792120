"""Denoising by filters: two forms of non-local means, bilateral, wavelet, total variation.

Where a step takes a noise level, it is the standard deviation as a share of the full range; `auto` estimates it from
the picture's finest wavelet coefficients (Donoho, Johnstone 1994).
"""

import numpy as np
import torch
from torch import Tensor

from models.filters.arguments import AUTO, Number
from models.filters.numbers import added, by_bands
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
    reach = 10 * (0.1 * strength) ** 2  # two noisy looks at one thing differ by 2 sigma^2: five times that is another
    return by_bands(images, 3, lambda padded: _weighted_means(padded, 1 / (27 * reach)))


def _weighted_means(padded: Tensor, scale: float) -> Tensor:
    """The weighted mean of each pixel's 5 x 5 neighbours: (n, c, h + 6, w + 6) to (n, c, h, w).

    Pixels lie in one line, so that a neighbour is a fixed number of places away and every operation runs straight
    through memory; what reaches over an edge ends in the margin, which is cut off. Two pixels give each other the same
    weight: the maps of the 12 neighbours before a pixel serve the 12 after it, too.
    """
    n, channels, height, width = padded.shape
    line = padded.transpose(0, 1).reshape(channels, -1)  # (c, n * height * width)
    begin, end = 3 * width + 3, line.shape[1] - 3 * width - 3
    before = [down * width + right for down in (2, 1, 0) for right in (2, 1, 0, -1, -2)][:12]
    weights = line.new_empty(12, line.shape[1])
    for away, weight in zip(before, weights, strict=True):
        _weigh(line, away, width, scale, weight)
    made = torch.empty_like(line)
    total, divisor = made[:, begin:end], line.new_ones(end - begin)
    total.copy_(line[:, begin:end])
    product = torch.empty_like(total)
    # Row by row through the neighbours: in another order the sum's last bits would be others.
    around = [(-away, 0, weight) for away, weight in zip(before, weights, strict=True)]
    around += [(-there, -there, weight) for there, _, weight in reversed(around)]
    for there, at, weight in around:
        known = weight[begin + at : end + at]
        total += torch.mul(line[:, begin + there : end + there], known, out=product)
        divisor += known
    total /= divisor
    return made.reshape(channels, n, height, width)[..., 3:-3, 3:-3].transpose(0, 1)


def _weigh(line: Tensor, away: int, width: int, scale: float, out: Tensor) -> None:
    """Compares each pixel of (c, pixels) with the one `away` places before it; its weight goes to `out`, (pixels,)."""
    squares = line[:, away:] - line[:, :-away]
    squares *= squares
    distance = squares[0] * 3 if len(squares) == 1 else added(squares)
    distance = added(distance[i * width : len(distance) - (2 - i) * width] for i in range(3))
    distance = added(distance[i : len(distance) - (2 - i)] for i in range(3))
    distance *= -scale
    distance += 1
    weight = distance.clamp_(min=0)
    torch.mul(weight, weight, out=out[away + width + 1 : -width - 1])


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
