"""A data set of a few drawn shapes, built by the real code, and an encoder that hashes words; nothing downloaded."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from tasks.datasets.emoji.concepts import Concept, element_concepts, normalised
from tasks.datasets.emoji.dataset import write_concepts, write_pictures
from tasks.datasets.emoji.rows import scene_rows, single_rows
from tasks.datasets.emoji.scenes import PROPS, Painter

WORDS = (
    ("dog", "狗", "animal", "只"),
    ("car", "车", "vehicle", "辆"),
    ("boat", "船", "boat", "艘"),
    ("ball", "球", "object", "个"),
)


def shape(seed: int) -> Image.Image:
    """A coloured ellipse on nothing, 256 pixels a side."""
    picture = Image.new("RGBA", (256, 256))
    colour = (seed * 67 % 256, seed * 131 % 256, seed * 29 % 256, 255)
    ImageDraw.Draw(picture).ellipse([30, 60 + seed % 50, 220, 240], fill=colour)
    return picture


def tiny_concepts() -> list[Concept]:
    """Four things with names, then those that surroundings are made of."""
    named = [
        Concept(f"T{i}", en, zh, kind, measure, "MIT", "drawn", normalised(shape(i + 1)), tags=(("en", f"{en} tag"),))
        for i, (en, zh, kind, measure) in enumerate(WORDS)
    ]
    props = [
        Concept(p, f"prop {p}", f"物{p}", "object", "个", "MIT", "drawn", normalised(shape(9 + i)))
        for i, p in enumerate(sorted(PROPS))
    ]
    return [*named, *props]


def write_tiny(folder: Path, scenes: int = 24) -> None:
    """Writes the data set to a new folder."""
    folder.mkdir(parents=True)
    concepts = tiny_concepts()
    everything = [*concepts, *element_concepts()]
    rows = [*single_rows(concepts, 0), *scene_rows(concepts[:4], scenes, 0)]
    write_pictures(folder, rows, Painter(everything), 0, lambda _: None)
    write_concepts(folder, everything)


class WordEncoder:
    """One vector a character, drawn from a hash of it: enough for a model to tell texts apart."""

    name = "words"
    digest = "0" * 64
    width = 24

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        return [torch.stack([self._vector(c) for c in text]) for text in texts]

    def _vector(self, character: str) -> Tensor:
        number = int.from_bytes(hashlib.sha256(character.encode()).digest()[:4])
        return torch.randn(self.width, generator=torch.Generator().manual_seed(number))
