"""Tone and detail: brightness, contrast, gamma, window, CLAHE, sharpen."""

import math
from typing import Any

import numpy as np
from torch import Tensor

from models.filters.arguments import AUTO, Number, Window
from models.filters.numbers import added, by_bands, luma_of
from models.filters.steps import step

_BINS = 256  # of CLAHE's histograms; the mapping between two of them is a straight line, so no value is rounded to one
_TILES = 8


@step("brightness", Number(0, 4, neutral=1, unit="factor"), reach=0)
def brightness(images: Tensor, factor: float) -> Tensor:
    """Multiplies every value (W3C Filter Effects, `brightness()`)."""
    return images * factor


@step("contrast", Number(0, 4, neutral=1, unit="factor"), reach=0)
def contrast(images: Tensor, factor: float) -> Tensor:
    """Stretches values about mid-grey (W3C Filter Effects, `contrast()`).

    About mid-grey, not the picture's mean as Pillow does: a mean over pixels depends on how threads share them out.
    """
    return images * factor + (0.5 - 0.5 * factor)


@step("gamma", Number(0.1, 10, neutral=1, unit="above 1 lifts the mid-tones"), reach=0)
def gamma(images: Tensor, gamma: float) -> Tensor:
    """x to the power 1/gamma, as in ImageMagick and photo editors; computed in float64 and rounded once."""
    return images if gamma == 1 else images.clamp(min=0).double().pow(1 / gamma).to(images)


@step("window", Window(), each=True, reach=0)
def window(picture: np.ndarray, shown: Any) -> np.ndarray:
    """Stretches the values from centre - width / 2 to centre + width / 2 over the whole range (level and window)."""
    if shown == AUTO:
        low, high = (float(v) for v in np.percentile(picture, (0.5, 99.5)))
        if high <= low:
            return picture
    else:
        centre, width = shown
        low, high = float(centre) - float(width) / 2, float(centre) + float(width) / 2
    return (picture - np.float32(low)) / np.float32(high - low)


@step("clahe", Number(0, 40, neutral=0, unit="clip limit in average bin counts, 2 is mild"), each=True)
def clahe(picture: np.ndarray, clip: float) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of the luma, within the picture's own range.

    Own code because every well-known one rounds: OpenCV's and kornia's to 8 bits, scikit-image's to 14. The counts are
    of 8 x 8 tiles; mappings are linear between bins and bilinear between tiles. Colours keep their differences.
    """
    luma = luma_of(picture)
    low, high = float(luma.min()), float(luma.max())
    if clip == 0 or high == low:
        return picture
    tiles = [min(_TILES, max(1, size // 8)) for size in luma.shape]
    sides = [-(-size // n) for size, n in zip(luma.shape, tiles, strict=True)]
    padding = [(0, side * n - size) for side, n, size in zip(sides, tiles, luma.shape, strict=True)]
    at = np.pad((luma - low) * np.float32(_BINS / (high - low)), padding, mode="symmetric")
    mapping = _mappings(np.minimum(at.astype(np.int32), _BINS - 1), tiles, sides, clip)
    made = np.empty_like(luma)
    for top in range(0, luma.shape[0], sides[0]):  # in bands, for the memory's sake
        band = slice(top, min(top + sides[0], luma.shape[0]))
        made[band] = _mapped(at[band, : luma.shape[1]], mapping, band.start, sides)
    change = made * np.float32(high - low) + np.float32(low) - luma
    result: np.ndarray = picture + change[..., None]
    return result


def _mappings(bins: np.ndarray, tiles: list[int], sides: list[int], clip: float) -> np.ndarray:
    """(rows, columns, bins + 1): each tile's mapping at the edges of the bins, from 0 to 1."""
    counts = np.empty((*tiles, _BINS))
    for i, j in np.ndindex(*tiles):
        tile = bins[i * sides[0] : (i + 1) * sides[0], j * sides[1] : (j + 1) * sides[1]]
        counts[i, j] = np.bincount(tile.ravel(), minlength=_BINS)
    pixels = sides[0] * sides[1]
    limited = np.minimum(counts, clip * pixels / _BINS)
    limited += (pixels - limited.sum(-1, keepdims=True)) / _BINS
    edges = np.concatenate([np.zeros((*tiles, 1)), limited.cumsum(-1)], -1)
    return (edges / pixels).astype(np.float32)


def _mapped(at: np.ndarray, mapping: np.ndarray, top: int, sides: list[int]) -> np.ndarray:
    """Values in units of bins through the mappings of the four nearest tiles."""
    index = np.minimum(at.astype(np.int32), _BINS - 1)
    part = at - index
    total = np.zeros_like(at)
    rows = (np.arange(top, top + at.shape[0]) + 0.5) / sides[0] - 0.5
    columns = (np.arange(at.shape[1]) + 0.5) / sides[1] - 0.5
    for down in (0, 1):
        for right in (0, 1):
            i, j = np.floor(rows).astype(int) + down, np.floor(columns).astype(int) + right
            weight = (1 - np.abs(rows - i))[:, None] * (1 - np.abs(columns - j))
            tile = i.clip(0, mapping.shape[0] - 1)[:, None], j.clip(0, mapping.shape[1] - 1)
            value = mapping[(*tile, index)] * (1 - part) + mapping[(*tile, index + 1)] * part
            total += (weight * value).astype(np.float32)
    return total


@step("sharpen", Number(0, 4, neutral=0, unit="amount"), reach=2)
def sharpen(images: Tensor, amount: float) -> Tensor:
    """Unsharp mask: adds that much of what a Gaussian blur (one pixel wide) takes away."""
    return by_bands(images, 2, lambda padded: _sharpened(padded, amount))


def _sharpened(padded: Tensor, amount: float) -> Tensor:
    """(n, c, h + 4, w + 4) to (n, c, h, w)."""
    taps = [math.exp(-(offset**2) / 2) for offset in (-2, -1, 0, 1, 2)]
    taps = [tap / sum(taps) for tap in taps]
    images = padded[..., 2:-2, 2:-2]
    height, width = images.shape[-2:]
    outer, inner, centre = (padded * tap for tap in taps[:3])  # the taps are symmetric: one product serves two of them
    rows = added(p[..., i : i + height, :] for i, p in enumerate((outer, inner, centre, inner, outer)))
    outer, inner, centre = (rows * tap for tap in taps[:3])
    blurred = added(p[..., i : i + width] for i, p in enumerate((outer, inner, centre, inner, outer)))
    change = images - blurred
    change *= amount
    change += images
    return change
