"""A brand's look, as the layout uses it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tasks.layout.contrast import Colour, contrast
from tasks.layout.fonts import FontFile


class Logo:
    """A logo in RGBA, and the mean colour of its opaque pixels."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        pixels = np.asarray(image.convert("RGBA"), np.float32)
        weights = pixels[..., 3]
        red, green, blue = (pixels[..., :3] * weights[..., None]).sum((0, 1)) / max(1.0, float(weights.sum()))
        self.colour: Colour = (round(float(red)), round(float(green)), round(float(blue)))


@dataclass(frozen=True, eq=False)
class Look:
    """Fonts, colours (at least `light`, `dark`, `primary`, `accent`), logos and the smallest type in pixels.

    `logos`: in the order in which they are preferred.
    """

    regular: tuple[FontFile, ...]
    bold: tuple[FontFile, ...]
    colours: Mapping[str, Colour]
    logos: tuple[Logo, ...]
    smallest: int

    @property
    def text_colours(self) -> tuple[Colour, Colour]:
        return self.colours["light"], self.colours["dark"]

    def text_on(self, colour: Colour) -> Colour:
        """Light or dark, whichever stands out more."""
        return max(self.text_colours, key=lambda text: contrast(text, colour))
