"""The judge: an object detector for images of the data set, with their colours, place and sky.

It is trained on the data set's images alone, never sees a text and is part of no generator, so that it evaluates images
independently. A small convolutional network after CenterNet (Zhou 2019): each cell of a 16x16 grid predicts whether the
centre of an object is there, which concept it is (its embedding is compared with a key for each) and its colour; global
features predict place and sky.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import checkpoint
from models.generators.sprite_vae.sprite_memory import ResidualBlock

EDGE = 128  # images are resized to this edge in pixels
GRID = 16  # cells a side
THERE = 0.3  # probability from which a local maximum of the grid counts as an object
WEIGHTS = checkpoint.EMBEDDED / "judge"


@dataclass(frozen=True)
class JudgeConfig:
    """Configuration of a judge in config.json."""

    concepts: tuple[str, ...]  # ids
    colours: tuple[str, ...]
    places: tuple[str, ...]
    skies: tuple[str, ...]
    width: int = 64  # channels
    key: int = 96  # width of embeddings
    steps: int = 0  # training steps taken


@dataclass
class Verdict:
    """Predictions for a batch of n images."""

    there: Tensor  # (n, 16, 16) logits: the centre of an object
    embedding: Tensor  # (n, key, 16, 16) of unit length
    colours: Tensor  # (n, colours + 1, 16, 16) logits, the last for an object's own colour
    place: Tensor  # (n, places) logits
    sky: Tensor  # (n, skies) logits
    view: Tensor  # (n, features) global features, for distances between sets of images


@dataclass(frozen=True)
class Thing:
    """A detected object: indices of concept and colour (-1: its own), and its centre as fractions of the image."""

    concept: int
    colour: int
    x: float
    y: float


class Judge(nn.Module):
    """Images to a `Verdict`."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        wide, wider = config.width * 3 // 2, config.width * 2
        self.stem = nn.Conv2d(48, config.width * 3 // 4, 3, padding=1)  # on patches of 4x4 pixels
        self.enter = nn.Conv2d(config.width * 3 // 4, config.width, 3, stride=2, padding=1)
        self.high = nn.ModuleList(ResidualBlock(config.width) for _ in range(2))
        self.to_middle = nn.Conv2d(config.width, wide, 3, stride=2, padding=1)
        self.middle = nn.ModuleList(ResidualBlock(wide) for _ in range(2))
        self.to_low = nn.Conv2d(wide, wider, 3, stride=2, padding=1)
        self.low = nn.ModuleList(ResidualBlock(wider) for _ in range(2))
        self.from_low = nn.Conv2d(wider, wide, 1)
        self.from_middle = nn.Conv2d(wide, config.width, 1)
        self.merge = ResidualBlock(config.width)
        self.widen = nn.Conv2d(config.width, 3 * config.width, 1)
        self.leave = nn.Conv2d(3 * config.width, 1 + config.key + len(config.colours) + 1, 1)
        self.keys = nn.Parameter(torch.randn(len(config.concepts), config.key))
        self.sharpness = nn.Parameter(torch.tensor(2.7))
        self.place = nn.Linear(wider * 2, len(config.places))
        self.sky = nn.Linear(wider * 2, len(config.skies))

    def forward(self, pictures: Tensor) -> Verdict:
        """Images (n, 3, height, width) in [0, 1], of any size."""
        if pictures.shape[-2:] != (EDGE, EDGE):
            pictures = F.interpolate(pictures, (EDGE, EDGE), mode="bilinear", align_corners=False, antialias=True)
        pixels = F.pixel_unshuffle(pictures * 2 - 1, 4).contiguous(memory_format=torch.channels_last)  # faster so
        high = self.enter(F.silu(self.stem(pixels)))
        for block in self.high:
            high = block(high)
        middle = self.to_middle(F.silu(high))
        for block in self.middle:
            middle = block(middle)
        low = self.to_low(F.silu(middle))
        for block in self.low:
            low = block(low)
        view = torch.cat([F.silu(low[:, :, :2]).mean((2, 3)), F.silu(low[:, :, 2:]).mean((2, 3))], 1)  # above, below
        middle = middle + F.interpolate(self.from_low(F.silu(low)), scale_factor=2, mode="nearest")
        high = high + F.interpolate(self.from_middle(F.silu(middle)), scale_factor=2, mode="nearest")
        told = self.leave(F.silu(self.widen(F.silu(self.merge(high)))))
        there, embedding, colours = told.split([1, self.config.key, len(self.config.colours) + 1], 1)
        embedding = F.normalize(embedding, dim=1)
        return Verdict(there.squeeze(1) - 3.0, embedding, colours, self.place(view), self.sky(view), view)

    def concepts(self, embedding: Tensor) -> Tensor:
        """Logits (..., concepts) of embeddings (..., key)."""
        return self.sharpness.exp() * embedding @ F.normalize(self.keys, dim=-1).T

    def ranking(self, verdict: Verdict) -> Tensor:
        """A score of each concept in each image, (n, concepts), comparable within an image."""
        chance = verdict.there.flatten(1).sigmoid()
        best = chance.topk(8, 1)
        cells = verdict.embedding.flatten(2).transpose(1, 2)  # (n, cells, key)
        chosen = cells.gather(1, best.indices[..., None].expand(-1, -1, cells.shape[-1]))
        return (self.concepts(chosen).softmax(-1) * best.values[..., None]).amax(1)

    def things(self, verdict: Verdict) -> list[list[Thing]]:
        """The objects detected in each image: local maxima of the grid above the threshold."""
        chance = verdict.there.sigmoid()
        peak = (chance == F.max_pool2d(chance[:, None], 3, 1, 1)[:, 0]) & (chance > THERE)
        seen: list[list[Thing]] = [[] for _ in range(len(chance))]
        rows, ys, xs = peak.nonzero(as_tuple=True)
        concepts = self.concepts(verdict.embedding[rows, :, ys, xs]).argmax(-1)
        colours = verdict.colours[rows, :, ys, xs].argmax(-1)
        for row, y, x, concept, colour in torch.stack([rows, ys, xs, concepts, colours], 1).tolist():
            known = colour if colour < len(self.config.colours) else -1
            seen[row].append(Thing(concept, known, (x + 0.5) / GRID, (y + 0.5) / GRID))
        return seen


def load_judge(folder: Path = WEIGHTS) -> Judge:
    """Loads a trained judge. Raises ValueError with one sentence if the folder holds none."""
    content: dict[str, Any] = checkpoint.read_config(folder)
    if content["family"] != "judge":
        raise ValueError(f"{folder} holds a model of the family {content['family']!r}, not a judge.")
    judge = Judge(checkpoint.fill(JudgeConfig, content, folder))
    checkpoint.load_weights(folder, judge)
    return judge.eval()
