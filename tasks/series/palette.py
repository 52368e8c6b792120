"""Palettes: of a list of colours as a picture, of a picture as a few colours, and how far two lie apart."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor
from skimage.color import rgb2lab

from models.filters.colour import moments, square_root

SHOWN = 5  # colours of a picture
EDGE = 96  # pixels to which pictures are reduced to be measured


def swatch(colours: Sequence[str]) -> bytes:
    """A PNG in which every colour (#RRGGBB or a name) has the same room. Raises ValueError for what is no colour."""
    cells = [Image.new("RGB", (16, 16), ImageColor.getrgb(colour)[:3]) for colour in colours]
    sheet = Image.new("RGB", (16 * len(cells), 16))
    for number, cell in enumerate(cells):
        sheet.paste(cell, (16 * number, 0))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Palette:
    """Mean (3,) and covariance (3, 3) of a picture's colours in CIE Lab, and its main colours as #RRGGBB."""

    mean: np.ndarray
    spread: np.ndarray
    colours: tuple[str, ...]

    @classmethod
    def of(cls, picture: Image.Image) -> "Palette":
        small = picture.convert("RGB").resize((EDGE, EDGE), Image.Resampling.BOX)
        few = small.quantize(SHOWN, Image.Quantize.MEDIANCUT)
        table = np.array(few.getpalette()[: 3 * SHOWN], np.uint8).reshape(-1, 3)  # type: ignore[index]
        counts = np.bincount(np.asarray(few).ravel(), minlength=len(table))
        order = np.argsort(-counts, kind="stable")
        colours = tuple("#" + bytes(table[i]).hex().upper() for i in order if counts[i])
        return cls(*moments(rgb2lab(np.asarray(small, np.float32) / 255)), colours)

    def distance(self, other: "Palette") -> float:
        """The Wasserstein distance of both as normal distributions in CIE Lab, in units of Lab (2 is just seen)."""
        root = square_root(self.spread)
        cross = np.trace(square_root(root @ other.spread @ root))
        squared = float(((self.mean - other.mean) ** 2).sum() + np.trace(self.spread + other.spread) - 2 * cross)
        return max(0.0, squared) ** 0.5


def common(palettes: Sequence[Palette]) -> Palette:
    """The palette of all pictures together."""
    mean = np.mean([one.mean for one in palettes], 0)
    spread = np.mean([one.spread + np.outer(one.mean - mean, one.mean - mean) for one in palettes], 0)
    return Palette(mean, spread, ())
