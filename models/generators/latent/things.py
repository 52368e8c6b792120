"""Retrieval: the things that a text names, as the embedded default remembers them, for a network to look at.

What a thing looks like is not learned: the default's reader finds up to four things and their colours in the text's
features, its memory draws them, and the codec encodes the drawings (retrieval-augmented generation, Blattmann 2022).
The networks learn to compose: where things stand, how large, how many, in which place, light and weather.
"""

import functools
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generators.latent.codec import CHANNELS, PATCH, Codec
from models.generators.sprite_vae.recolour import recolour
from models.generators.sprite_vae.sampler import VaeGenerator
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS
from models.text_features import Features
from models.weight_files import DEFAULT

NOTHING = (-1, -1)  # concept and colour of an empty place
SMALLEST = 4 * PATCH  # pictures have a multiple of so many pixels, so that a quarter is whole latents
SQUARE = 2  # edge in latents of the patch that becomes one token
_INNER = 128  # width inside ThingTokens
_KEPT = 2048  # sheets that a memory keeps encoded


@dataclass(frozen=True)
class Retrieved(Features):
    """A padded batch of texts' features, and what is retrieved for each.

    `things` (rows, 4, 17, edge, edge * 3 / 2) are sheets, zero where there is no thing; None if nothing is retrieved.
    """

    things: Tensor | None = None

    def to(self, device: str) -> Self:
        things = None if self.things is None else self.things.to(device)
        return type(self)(self.tokens.to(device), self.mask.to(device), things)

    def without(self, rows: Tensor) -> Self:
        """The batch with the texts of some rows (batch,) bool dropped: a single token of zeros, and no things."""
        first = torch.zeros_like(self.mask)
        first[:, 0] = True
        kept = ~rows
        things = None if self.things is None else self.things * kept[:, None, None, None, None]
        return type(self)(self.tokens * kept[:, None, None], torch.where(rows[:, None], first, self.mask), things)

    def twice(self, other: Self) -> Self:
        """This batch and another of the same shape, one after the other."""
        things = None if self.things is None or other.things is None else torch.cat([self.things, other.things])
        return type(self)(torch.cat([self.tokens, other.tokens]), torch.cat([self.mask, other.mask]), things)


class Memory:
    """The default's reader and sprites, on the CPU."""

    def __init__(self) -> None:
        default = VaeGenerator.load(DEFAULT, "cpu", "default")
        self.model, config = default.model, default.model.config
        self._colours, self._places = config.colours, len(config.places)

    @torch.inference_mode()
    def named(self, words: Features) -> Tensor:
        """Which things each text names: (rows, 4, 2), index of the concept and of the colour, -1 for none."""
        reading = self.model.reader(words.tokens, words.mask)
        there = reading.present > 0
        bare = reading.place.argmax(-1) == self._places - 1
        there[:, 0] |= bare & ~there.any(1)  # nothing stands on clean ground unless something does
        colours = reading.colours.argmax(-1)
        found = torch.stack([reading.concepts.argmax(-1), colours.where(colours < len(self._colours), -1)], -1)
        return found.where(there[..., None], -1)

    @torch.inference_mode()
    def sheet(self, concept: int, colour: int, size: int) -> Tensor:
        """A thing as large as a picture of `size` pixels and, beside that, at half and a quarter of it.

        (4, size, size * 3 / 2) in [0, 1], colour on white, then coverage.
        """
        sprite = self.model.memory.draw(concept)
        sprite = sprite if colour < 0 else recolour(sprite, self._colours[colour])
        sheet = torch.zeros(4, size, size * 3 // 2)
        top = 0
        for edge, left in ((size, 0), (size // 2, size), (size // 4, size)):
            sheet[:, top : top + edge, left : left + edge] = F.interpolate(sprite[None], (edge, edge), mode="area")[0]
            top = 0 if left == 0 else top + edge
        return torch.cat([sheet[:3] + (1 - sheet[3:]), sheet[3:]])


def encoded(codec: Codec, sheets: Tensor) -> Tensor:
    """Sheets (n, 4, size, size * 3 / 2) as latents and how much of each they cover: (n, 17, edge, edge * 3 / 2)."""
    cover = F.avg_pool2d(sheets[:, 3:], PATCH)
    return torch.cat([codec.encode(sheets[:, :3]) * (cover > 0), cover], 1)


class Looks:
    """Encoded sheets of a memory's things, each made once by one codec."""

    def __init__(self, memory: Memory, codec: Codec, size: int) -> None:
        self._memory, self._codec, self._size = memory, codec, size
        self.one = functools.lru_cache(_KEPT)(self._one)

    @torch.inference_mode()
    def _one(self, concept: int, colour: int) -> Tensor:
        """A thing's sheet as latents and how much of each it covers: (17, edge, edge * 3 / 2), where the codec is."""
        sheet = self._memory.sheet(concept, colour, self._size)
        return encoded(self._codec, sheet.to(self._codec.mean.device)[None])[0]

    def of(self, named: Tensor) -> Tensor:
        """The sheets of things (rows, 4, 2): (rows, 4, 17, edge, edge * 3 / 2)."""
        edge = self._size // PATCH
        empty = torch.zeros(CHANNELS + 1, edge, edge * 3 // 2, device=self._codec.mean.device)
        rows = [[empty if thing[0] < 0 else self.one(*thing) for thing in row] for row in named.tolist()]
        return torch.stack([torch.stack(row) for row in rows])


class ThingTokens(nn.Module):
    """Sheets as tokens that a network attends to, one a 2x2 patch of latents that a thing covers."""

    def __init__(self, edge: int, width: int) -> None:
        super().__init__()
        patches = edge // SQUARE * (edge * 3 // 2 // SQUARE)
        self.enter = nn.Linear((CHANNELS + 1) * SQUARE**2, _INNER)
        self.where = nn.Parameter(torch.randn(patches, _INNER) * 0.5)
        self.which = nn.Parameter(torch.randn(OBJECT_SLOTS, 1, _INNER) * 0.5)
        self.leave = nn.Linear(_INNER, width)

    def forward(self, things: Tensor) -> Features:
        """Sheets (rows, 4, 17, edge, edge * 3 / 2) to tokens (rows, 4 * patches, width), padded where all is empty."""
        patches = F.pixel_unshuffle(things, SQUARE).flatten(3).transpose(2, 3)  # (rows, 4, patches, 68)
        seen = things[:, :, -1].flatten(0, 1)[:, None]
        there = F.max_pool2d(seen, SQUARE).flatten(1).unflatten(0, things.shape[:2]) > 0
        tokens = self.leave(F.silu(self.enter(patches) + self.where + self.which))
        return Features(tokens.flatten(1, 2) * there.flatten(1)[..., None], there.flatten(1))


def beside(words: Features, things: Features) -> Features:
    """Words and things as one sequence of tokens."""
    return Features(torch.cat([words.tokens, things.tokens], 1), torch.cat([words.mask, things.mask], 1))
