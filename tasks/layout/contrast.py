"""Contrast by WCAG 2.2, measured from pixels, and colours that reach it."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from coloraide import Color

Colour = tuple[int, int, int]
TEXT, LARGE = 4.5, 3.0
"""Contrast that text and large text need (success criterion 1.4.3); a logo needs that of large text (1.4.11)."""
_LARGE, _LARGE_BOLD = 24, 18.67  # pixels, of 18 and 14 points
_FLARE = 0.05  # luminance that a screen's surroundings add
_MARGIN = 1.05  # more than is needed, as JPEG moves pixels


def parse_colour(text: str) -> Colour:
    """A colour as CSS writes it, in sRGB. Raises ValueError."""
    try:
        found = Color(text).convert("srgb").fit()
    except (ValueError, TypeError) as error:
        raise ValueError(f"{text!r} is no colour; write it as #RRGGBB.") from error
    red, green, blue = (round(float(channel) * 255) for channel in found.coords())
    return red, green, blue


def to_hex(colour: Colour) -> str:
    return "#{:02X}{:02X}{:02X}".format(*colour)


def colour_distance(one: Colour, other: Colour) -> float:
    """CIEDE2000."""
    return float(Color(to_hex(one)).delta_e(to_hex(other), method="2000"))


def needed(size: float, bold: bool) -> float:
    """The contrast that text of a size in pixels needs."""
    return LARGE if size >= (_LARGE_BOLD if bold else _LARGE) else TEXT


@cache
def _linear() -> np.ndarray:
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance (h, w) float32 in [0, 1] of pixels (h, w, 3) uint8 sRGB."""
    result: np.ndarray = _linear()[pixels] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return result


def contrast(one: Colour, other: Colour) -> float:
    """1 to 21."""
    return worst_contrast(one, np.array([[other]], np.uint8))


def worst_contrast(colour: Colour, pixels: np.ndarray) -> float:
    """The contrast of a colour with that of the pixels (h, w, 3) uint8 that is nearest to it; 1 if they surround it."""
    behind = luminance(pixels)
    own = float(luminance(np.array([[colour]], np.uint8))[0, 0]) + _FLARE
    low, high = float(behind.min()) + _FLARE, float(behind.max()) + _FLARE
    return own / high if own >= high else low / own if own <= low else 1.0


def reaches(colour: Colour, pixels: np.ndarray, least: float) -> bool:
    """Whether a colour has this contrast with all pixels, and a little more for what encoding does to them."""
    return worst_contrast(colour, pixels) >= least * _MARGIN


def best_of(colours: Iterable[Colour], pixels: np.ndarray) -> tuple[Colour, float]:
    """The colour that contrasts most with the pixels, and how much."""
    rated = [(worst_contrast(colour, pixels), colour) for colour in colours]
    most, colour = max(rated, key=lambda pair: pair[0])
    return colour, most


def veiled(pixels: np.ndarray, colour: Colour, mask: np.ndarray, strength: float) -> np.ndarray:
    """Pixels (h, w, 3) uint8 under a veil of a colour: mask (h, w) says where, strength how much, both in [0, 1]."""
    share = (mask * np.float32(strength))[..., None]
    mixed = pixels * (1 - share) + np.array(colour, np.float32) * share
    result: np.ndarray = np.rint(mixed).astype(np.uint8)
    return result
