"""Picture filters: brightness, contrast, saturation, temperature, tint, sharpen, denoise.

A filter takes a batch (n, 3, h, w), float in [0, 1], red-green-blue with the usual display coding (sRGB), and one
number; it gives the filtered batch, which may leave [0, 1] a little (`tasks.enhance` clamps after each one). Add one
of your own with the `step` decorator; nothing else has to know of it.

Every filter here uses one plain +, -, x or / at a time: no reduction over pixels, no convolution kernel, no exp and
no fused multiply-add. Such operations are rounded exactly as IEEE 754 says, however they are batched, vectorised
and shared among threads, so a row's bytes are the same alone and in any batch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

Filter = Callable[[Tensor, float], Tensor]


@dataclass(frozen=True)
class Step:
    """One filter: its name in a chain, the range of its number, the number that changes nothing, and the unit."""

    name: str
    apply: Filter
    low: float
    high: float
    neutral: float
    unit: str


STEPS: dict[str, Step] = {}


def step(name: str, *, low: float, high: float, neutral: float, unit: str) -> Callable[[Filter], Filter]:
    """Registers a filter under a name; the filter itself stays as it is. ValueError if the name is taken."""

    def register(apply: Filter) -> Filter:
        if name in STEPS:
            raise ValueError(f"There are two filters called {name!r}: rename one of them.")
        STEPS[name] = Step(name, apply, low, high, neutral, unit)
        return apply

    return register


@step("brightness", low=0, high=4, neutral=1, unit="factor")
def brightness(images: Tensor, factor: float) -> Tensor:
    """Multiplies every value (W3C Filter Effects, `brightness()`)."""
    return images * factor


@step("contrast", low=0, high=4, neutral=1, unit="factor")
def contrast(images: Tensor, factor: float) -> Tensor:
    """Stretches values about mid-grey (W3C Filter Effects, `contrast()`).

    About mid-grey, not the picture's mean as Pillow does: a mean over pixels depends on how threads share them out.
    """
    return images * factor + (0.5 - 0.5 * factor)


@step("saturation", low=0, high=4, neutral=1, unit="factor")
def saturation(images: Tensor, factor: float) -> Tensor:
    """Moves colours away from their grey, 0 is monochrome (W3C Filter Effects, `saturate()`)."""
    return images * factor + luma(images) * (1 - factor)


@step("temperature", low=-80, high=200, neutral=0, unit="mired, + is warmer")
def temperature(images: Tensor, mireds: float) -> Tensor:
    """Shifts the white point along the Planckian locus from 6500 K, as a photographer's filter does.

    +18 mired is a Wratten 81A filter, +112 an 85; -80 looks as if lit at 13,600 K, +200 at 2,800 K.
    """
    return images * white_gains(mireds, 0.0).to(images)


@step("tint", low=-50, high=50, neutral=0, unit="0.001 Duv, + is magenta, - is green")
def tint(images: Tensor, thousandths: float) -> Tensor:
    """Shifts the white point across the Planckian locus; Duv is the distance from it in CIE 1960 u, v (ANSI C78.377).

    The sign is the photographer's (+ towards magenta), which is the opposite of Duv's own.
    """
    return images * white_gains(0.0, thousandths).to(images)


@step("sharpen", low=0, high=4, neutral=0, unit="amount")
def sharpen(images: Tensor, amount: float) -> Tensor:
    """Unsharp mask: adds that much of what a Gaussian blur (one pixel wide) takes away."""
    taps = [math.exp(-(offset**2) / 2) for offset in (-2, -1, 0, 1, 2)]
    taps = [tap / sum(taps) for tap in taps]
    height, width = images.shape[-2:]
    padded = pad(images, (2, 2, 2, 2), mode="replicate")
    rows = _added([padded[..., i : i + height, :] * tap for i, tap in enumerate(taps)])
    blurred = _added([rows[..., i : i + width] * tap for i, tap in enumerate(taps)])
    return images + (images - blurred) * amount


@step("denoise", low=0, high=1, neutral=0, unit="strength, made for noise of a standard deviation of a tenth of it")
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
            distance = squares[:, 0:1] + squares[:, 1:2] + squares[:, 2:3]
            distance = _added([distance[..., i : i + height, :] for i in range(3)])
            distance = _added([distance[..., i : i + width] for i in range(3)])
            weight = (1 - distance * (1 / (27 * reach))).clamp(min=0)
            weight = weight * weight
            total = total + other[..., 1:-1, 1:-1] * weight
            weights = weights + weight
    return total / weights


def luma(images: Tensor) -> Tensor:
    """The grey of each pixel, (n, 1, h, w): Rec. 709 weights on coded values."""
    return images[:, 0:1] * 0.2126 + images[:, 1:2] * 0.7152 + images[:, 2:3] * 0.0722


def white_gains(mireds: float, tint_thousandths: float) -> Tensor:
    """Gains (1, 3, 1, 1) that turn white into the white at these shifts from 6500 K, at unchanged luminance.

    The locus is Krystek's (Color Research & Application 10, 1985). Gains hold in linear light; since the display curve
    is taken as a pure power of 2.2, they are a gain on coded values too.
    """
    at = 1e6 / 6500 + mireds
    (u, v), (u_next, v_next) = _planckian_uv(1e6 / at), _planckian_uv(1e6 / (at + 0.1))
    along_u, along_v = u_next - u, v_next - v
    shift = tint_thousandths / 1000 / math.hypot(along_u, along_v)
    # warmer runs towards larger u; a quarter turn from it towards smaller v is magenta
    white = _linear_rgb(u + along_v * shift, v - along_u * shift)
    gains = [new / old for new, old in zip(white, _linear_rgb(*_planckian_uv(6500.0)), strict=True)]
    luminance = 0.2126 * gains[0] + 0.7152 * gains[1] + 0.0722 * gains[2]
    return torch.tensor([(gain / luminance) ** (1 / 2.2) for gain in gains]).view(1, 3, 1, 1)


def _planckian_uv(kelvin: float) -> tuple[float, float]:
    """CIE 1960 u, v of a black body, 1000 to 15,000 K."""
    t, tt = kelvin, kelvin * kelvin
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * tt) / (1 + 8.42420235e-4 * t + 7.08145163e-7 * tt)
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * tt) / (1 - 2.89741816e-5 * t + 1.61456053e-7 * tt)
    return u, v


def _linear_rgb(u: float, v: float) -> list[float]:
    """Linear sRGB of a colour of luminance 1 given in CIE 1960 u, v (IEC 61966-2-1)."""
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    xyz = (x / y, 1.0, (1 - x - y) / y)
    matrix = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))
    # a very warm white lies outside the display's colours: its blue ends at (nearly) none
    return [max(sum(m * c for m, c in zip(row, xyz, strict=True)), 1e-4) for row in matrix]


def _added(parts: list[Tensor]) -> Tensor:
    """The sum, in that order."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
