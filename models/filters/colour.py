"""Colour: saturation, temperature, tint, white balance, and another picture's palette."""

import math
import warnings

import numpy as np
import torch
from torch import Tensor

from models.filters.arguments import Choice, File, Loaded, Number
from models.filters.numbers import luma
from models.filters.steps import step


@step("saturation", Number(0, 4, neutral=1, unit="factor"), colour=True, reach=0)
def saturation(images: Tensor, factor: float) -> Tensor:
    """Moves colours away from their grey, 0 is monochrome (W3C Filter Effects, `saturate()`)."""
    return images * factor + luma(images) * (1 - factor)


@step("temperature", Number(-80, 200, neutral=0, unit="mired, + is warmer"), colour=True, reach=0)
def temperature(images: Tensor, mireds: float) -> Tensor:
    """Shifts the white point along the Planckian locus from 6500 K, as a photographer's filter does.

    +18 mired is a Wratten 81A filter, +112 an 85; -80 looks as if lit at 13,600 K, +200 at 2,800 K.
    """
    return images * white_gains(mireds, 0.0).to(images)


@step("tint", Number(-50, 50, neutral=0, unit="0.001 Duv, + is magenta, - is green"), colour=True, reach=0)
def tint(images: Tensor, thousandths: float) -> Tensor:
    """Shifts the white point across the Planckian locus; Duv is the distance from it in CIE 1960 u, v (ANSI C78.377).

    The sign is the photographer's (+ towards magenta), which is the opposite of Duv's own.
    """
    return images * white_gains(0.0, thousandths).to(images)


@step("white-balance", Choice(("grey-edge", "shades-of-grey", "grey-world")), colour=True, each=True)
def white_balance(picture: np.ndarray, method: str) -> np.ndarray:
    """Takes a colour cast away: finds the light's colour, and gains that make it white at unchanged luminance.

    All three are one formula (van de Weijer, Gevers, Gijsenij 2007), the Minkowski mean of norm p of a derivative of
    order n, in linear light: grey-world n 0, p 1 (Buchsbaum 1980); shades-of-grey n 0, p 6 (Finlayson, Trezzi 2004);
    grey-edge n 1, p 6. The latter are not misled by a large coloured area. Clipped pixels say nothing of the light.
    """
    from scipy.ndimage import gaussian_gradient_magnitude

    linear = picture.astype(np.float64) ** 2.2
    sound = picture.max(-1) < 0.98
    power = 1 if method == "grey-world" else 6
    light = []
    for channel in np.moveaxis(linear, -1, 0):
        seen = gaussian_gradient_magnitude(channel, 1.0, mode="nearest") if method == "grey-edge" else channel
        seen = seen[sound] if sound.any() else seen
        light.append(np.mean(seen**power) ** (1 / power))
    gains = np.mean(light) / np.maximum(light, 1e-9)
    if min(light) < 1e-6:  # a black or one-coloured picture tells nothing
        return picture
    gains /= gains @ (0.2126, 0.7152, 0.0722)
    result: np.ndarray = picture * (gains ** (1 / 2.2)).astype(np.float32)
    return result


@step("palette", File("picture"), colour=True, each=True)
def palette(picture: np.ndarray, reference: Loaded) -> np.ndarray:
    """Gives the picture the reference's colours: mean and covariance in CIE Lab.

    The linear map that moves colours least (Monge-Kantorovich; Pitie, Kokaram 2007). Reinhard et al.'s (2001) matches
    the three variances alone, which turns one hue into another where lightness and hue go together.
    """
    from skimage.color import lab2rgb, rgb2lab

    lab, wanted = rgb2lab(picture), rgb2lab(reference.array)
    (mean, spread), (goal, goal_spread) = moments(lab), moments(wanted)
    root = square_root(spread)
    back = np.linalg.inv(root)
    matrix = back @ square_root(root @ goal_spread @ root) @ back
    moved = goal + (lab - mean) @ matrix.T
    moved[..., 0] = moved[..., 0].clip(0, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # colours outside the display's are clipped; it tells of each
        made = np.clip(lab2rgb(moved), 0, 1).astype(np.float32)
    result: np.ndarray = picture + (made - picture) * np.float32(reference.strength)
    return result


def moments(lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (3,) and covariance (3, 3) of the colours, in float64; a flat picture gets a little spread."""
    channels = [np.ascontiguousarray(lab[..., i], np.float64) for i in range(3)]
    mean = np.array([channel.mean() for channel in channels])
    off = [channel - m for channel, m in zip(channels, mean, strict=True)]
    return mean, np.array([[np.mean(a * b) for b in off] for a in off]) + 0.25 * np.eye(3)


def square_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    root: np.ndarray = vectors * np.sqrt(values.clip(0)) @ vectors.T
    return root


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
