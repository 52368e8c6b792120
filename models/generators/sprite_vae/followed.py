"""What the default generator keeps of reference pictures: the things, their colours, the place and the sky.

A reference fills in what a row's text leaves open. A thing that the text names keeps the reference's colour, unless the
text says one, and its kind, if the text may mean it (a `cat` that is a black cat there); a text that names nothing gets
the reference's things; a place or sky that the text does not say is the reference's.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.generators.sprite_vae.recolour import COLOURS
from models.generators.sprite_vae.text_reader import Reading

MOST = 4  # references of a row
LOOK = 64  # pixels an edge to which references are reduced
SAID = 0.75  # a place or sky as likely as this is said by the text; what is unsaid is spread over several
SKY_SAID = 0.993  # of a sky beside a place that is said, where an unsaid one is mostly taken to be sunny
KIN = 5  # the reference's kind of thing is kept if it is among so many that a text's word means most likely


@dataclass
class Followed:
    """What references show together: indices of place and sky, None if unknown; things as (concept, colour), -1 for its
    own colour; `colours` of pictures of unknown origin."""

    place: int | None = None
    sky: int | None = None
    things: list[tuple[int, int]] = field(default_factory=list)
    colours: list[int] = field(default_factory=list)

    def add(self, other: "Followed") -> None:
        """Adds what another reference shows; of places and skies the first that is a scene's counts."""
        self.place = other.place if self.place is None else self.place
        self.sky = other.sky if self.sky is None else self.sky
        self.things += other.things
        self.colours += other.colours

    def fill(
        self, row: int, reading: Reading, place: Tensor, sky: Tensor, there: Tensor, asked: Tensor, tint: Tensor
    ) -> None:
        """Fills in a row of what a batch's texts leave open, in place.

        Args:
            place, sky: (n,) indices; there: (n, 4) bool; asked: (n, 4) concepts; tint: (n, 4) colours, -1 for its own.
        """
        self._keep_scene(row, reading, place, sky)
        named = [slot for slot in range(there.shape[1]) if there[row, slot]]
        if not named:
            for slot, (concept, colour) in enumerate(self.things[: there.shape[1]]):
                there[row, slot], asked[row, slot], tint[row, slot] = True, concept, colour
            return
        for slot in named:
            likely = reading.concepts[row, slot].topk(KIN).indices.tolist()
            kin = [(likely.index(concept), concept, colour) for concept, colour in self.things if concept in likely]
            if kin:
                _, concept, colour = min(kin)
                asked[row, slot] = concept
                if int(tint[row, slot]) < 0:
                    tint[row, slot] = colour
        colours = [colour for colour in self.colours if colour >= 0]
        for slot, colour in zip((slot for slot in named if int(tint[row, slot]) < 0), colours, strict=False):
            tint[row, slot] = colour

    def _keep_scene(self, row: int, reading: Reading, place: Tensor, sky: Tensor) -> None:
        plain = reading.place.shape[1] - 1
        if self.place is None or self.sky is None or self.place == plain:
            return
        places, skies = reading.place[row].softmax(-1), reading.sky[row].softmax(-1)
        if float(places[:-1].max()) < SAID:
            place[row] = self.place
            sky[row] = int(skies[:-1].argmax()) if float(skies[:-1].max()) >= SAID else self.sky
        elif float(skies[:-1].max()) < SKY_SAID:
            sky[row] = self.sky


def main_colour(pixels: Tensor, names: Sequence[str]) -> int:
    """The colour, of these names, that stands out most in the middle of a picture (3, h, w) uint8."""
    _, height, width = pixels.shape
    middle = pixels[
        :, height // 5 : max(height // 5 + 1, height * 4 // 5), width // 5 : max(width // 5 + 1, width * 4 // 5)
    ]
    rgb = middle.flatten(1).T.float() / 255  # (pixels, 3)
    known = torch.tensor([colorsys.hsv_to_rgb(*COLOURS[name]) for name in names])
    nearest = torch.cdist(rgb, known).argmin(1)
    high, low = rgb.amax(1), rgb.amin(1)
    weight = 0.05 + (high - low)  # a colour tells more than a grey
    return int(torch.zeros(len(names)).index_add_(0, nearest, weight).argmax())
