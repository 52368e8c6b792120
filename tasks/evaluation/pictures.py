"""A generator's pictures of an evaluation's questions."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.protocols import Generator
from tasks.evaluation.questions import Questions
from tasks.training.sample_grid import write_grid

Encode = Callable[[Sequence[str]], list[Any]]
"""Texts to the features that a generator reads."""
_AT_ONCE = 32
_COLUMNS, _SHOWN = 8, 40  # of the grids
_NEXT_SEED = 1_000_003  # between two pictures of one sentence


@dataclass(frozen=True)
class Pictures:
    """Of one generator, float32 in [0, 1]."""

    names: Tensor
    """(names, 3, size, size)."""
    scenes: Tensor
    """(scenes, 3, size, size)."""
    repeated: Tensor
    """(texts, seeds, 3, size, size): the first scenes, from several seeds each."""
    seconds_encoding: float
    seconds_generating: float
    """Both of the scenes alone."""


def no_features(texts: Sequence[str]) -> list[Tensor]:
    """For a generator that reads no text."""
    return [torch.zeros(1, 1) for _ in texts]


def pictures_of(
    generator: Generator, encode: Encode, questions: Questions, seeds: int, seed: int, done: Callable[[int], None]
) -> Pictures:
    """Generates all pictures that an evaluation needs.

    Args:
        seeds: pictures of each repeated text.
        seed: decides the pictures' own seeds.
        done: is told how many pictures are made, of `questions.pictures(seeds)`.
    """
    count = 0

    def made(texts: Sequence[str], numbers: Sequence[int]) -> tuple[Tensor, float, float]:
        nonlocal count
        started = time.perf_counter()
        features = encode(texts)
        encoded = time.perf_counter()
        parts = []
        for start in range(0, len(texts), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            parts.append(generator.generate(features[part], numbers[part], generator.size, generator.size).cpu())
            count += len(parts[-1])
            done(count)
        return torch.cat(parts), encoded - started, time.perf_counter() - encoded

    names, scenes, several = questions.names, questions.scenes, questions.repeated
    singles, _, _ = made([q.text for q in names], [seed + q.row for q in names])
    composed, encoding, generating = made([q.text for q in scenes], [seed + q.row for q in scenes])
    again = [(q.text, seed + q.row + _NEXT_SEED * (n + 1)) for q in several for n in range(seeds)]
    repeated, _, _ = made([text for text, _ in again], [number for _, number in again])
    return Pictures(singles, composed, repeated.unflatten(0, (len(several), seeds)), encoding, generating)


def write_grids(folder: Path, pictures: Pictures) -> None:
    """Writes `names.png` and `scenes.png`, some pictures of each, in the questions' order."""
    spread = pictures.names[:: max(1, len(pictures.names) // _SHOWN)]
    for file, chosen in (("names.png", spread), ("scenes.png", pictures.scenes)):
        shown = chosen[:_SHOWN]
        write_grid(folder / file, [row for row in shown.split(_COLUMNS) if len(row) == _COLUMNS] or [shown])
