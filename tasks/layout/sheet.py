"""What the layout fills, and what comes of it."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from tasks.layout.arrange import Placed
from tasks.layout.box import Box
from tasks.layout.contrast import Colour


@dataclass(frozen=True)
class Sheet:
    """What is to be filled: a file of `width` x `height` pixels, whose text and logo stay within `safe`.

    `text_share`: the most of the file that text may cover; `mark`: what is to stand in a corner, its letters at least a
    twentieth of the shorter side high.
    """

    width: int
    height: int
    safe: Box
    text_share: float = 1.0
    mark: str = ""

    @property
    def whole(self) -> Box:
        return Box(0, 0, self.width, self.height)


@dataclass
class Composed:
    """A finished layout.

    `contrasts`: by name of each text and the logo; `veil`: how strong the scrim is; `panel`: where an even brand colour
    is to be found again, and `subject`: where the picture's subject lies; `behind`: the pixels without texts, which are
    in `texts` with their colours.
    """

    image: Image.Image
    template: str
    placed: list[Placed]
    subject: Box
    contrasts: dict[str, float] = field(default_factory=dict)
    veil: float = 0.0
    panel: tuple[Box, Colour] | None = None
    text_share: float = 0.0
    behind: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 3), np.uint8))
    texts: list[tuple[Placed, Colour]] = field(default_factory=list)

    @property
    def template_covers(self) -> bool:
        """Whether copy stands on the picture."""
        return self.panel is None
