"""Recolours a sprite: its dominant colour becomes another one, light and shade and all other colours stay.

The eleven colours are the basic colour terms of Berlin and Kay (1969), which English and Chinese both name.
"""

import torch
from torch import Tensor

# Hue in turns, saturation and value that the recoloured parts have on average.
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.995, 0.86, 0.88),
    "orange": (0.075, 0.90, 0.98),
    "yellow": (0.145, 0.82, 1.00),
    "green": (0.36, 0.76, 0.70),
    "blue": (0.60, 0.82, 0.90),
    "purple": (0.765, 0.66, 0.78),
    "pink": (0.925, 0.44, 1.00),
    "brown": (0.065, 0.68, 0.52),
    "black": (0.65, 0.10, 0.17),
    "grey": (0.60, 0.05, 0.58),
    "white": (0.60, 0.03, 0.97),
}
_BINS = 48  # of hue
_NEAR, _FAR = 0.10, 0.17  # distance in hue from the dominant one: fully recoloured below, not at all beyond
_GLASS = 0.50, 0.63, 0.4  # hues of glass and water get a lower weight, else a bus counts as blue for its windows
_GREY = 0.15  # a sprite of which less than this share is colourful is recoloured in its greys


def recolour(sprite: Tensor, colour: str) -> Tensor:
    """A sprite (4, height, width), colour premultiplied by coverage, with its dominant colour changed; a new tensor."""
    cover = sprite[3]
    hue, saturation, value = _to_hsv((sprite[:3] / cover.clamp(min=1e-3)).clamp(0, 1))
    colourful = _ramp(saturation, 0.15, 0.35) * _ramp(value, 0.12, 0.25)
    if (cover * colourful).sum() < _GREY * cover.sum():
        changed = (1 - colourful) * _ramp(value, 0.05, 0.2)
        turn = torch.zeros_like(hue)
    else:
        glass = (hue > _GLASS[0]) & (hue < _GLASS[1])
        middle = _dominant(hue, cover * colourful * value * torch.where(glass, _GLASS[2], 1.0))
        turn = (hue - middle + 0.5) % 1 - 0.5
        changed = colourful * (1 - _ramp(turn.abs(), _NEAR, _FAR))
    weight = cover * changed
    total = weight.sum().clamp(min=1e-3)
    mean_saturation, mean_value = (weight * saturation).sum() / total, (weight * value).sum() / total
    to_hue, to_saturation, to_value = COLOURS[colour]
    varied = 0.6 * _ramp(mean_saturation, 0.1, 0.35)  # variation in the saturation of greys is noise
    new_saturation = to_saturation * (1 + varied * (saturation / mean_saturation.clamp(min=0.1) - 1)).clamp(0.4, 1.3)
    new_value = to_value * (1 + 0.8 * (value / mean_value.clamp(min=0.1) - 1)).clamp(min=0)
    if to_value > 0.9:  # what would be brighter than white is compressed, so that a pale thing keeps its shading
        new_value = torch.where(new_value > to_value, to_value + (1 - to_value) * 0.6, new_value)
    painted = _to_rgb((to_hue + 0.25 * turn) % 1, new_saturation.clamp(0, 1), new_value.clamp(0, 1))
    return torch.cat([sprite[:3] * (1 - changed) + painted * (cover * changed), sprite[3:]])


def _ramp(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _dominant(hue: Tensor, weight: Tensor) -> Tensor:
    """The mode of hue (h, w), in turns, under weights (h, w)."""
    bins = (hue * _BINS).long().clamp(max=_BINS - 1).flatten()
    counts = torch.zeros(_BINS, device=hue.device).index_add_(0, bins, weight.flatten())
    smooth = counts + 0.6 * (counts.roll(1) + counts.roll(-1)) + 0.25 * (counts.roll(2) + counts.roll(-2))
    return (smooth.argmax() + 0.5) / _BINS


def _to_hsv(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    high, low = rgb.amax(0), rgb.amin(0)
    spread = (high - low).clamp(min=1e-6)
    red, green, blue = rgb
    sector = torch.where(
        high == red,
        ((green - blue) / spread) % 6,
        torch.where(high == green, (blue - red) / spread + 2, (red - green) / spread + 4),
    )
    return (sector / 6) % 1, (high - low) / high.clamp(min=1e-6), high


def _to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    shift = torch.tensor([5.0, 3.0, 1.0], device=hue.device)[:, None, None]
    k = (shift + hue * 6) % 6
    return value * (1 - saturation * torch.minimum(k, 4 - k).clamp(0, 1))
