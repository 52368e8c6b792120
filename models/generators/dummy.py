"""A generator of next to no cost, to measure and test everything around a model: a colour gradient from the seed."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from models.protocols import Generator
from models.reference import Reference

_MIX = torch.tensor([2654435761, 2246822519, 3266489917, 668265263, 374761393, 3405691582], dtype=torch.int64)


class DummyGenerator(Generator):
    """A gradient from top left to bottom right between two colours hashed from the row's seed."""

    name = "dummy"
    digest = hashlib.sha256(b"dummy 1").hexdigest()
    encoder: str | None = None
    size = 128

    def generate(
        self,
        features: Sequence[object],
        seeds: Sequence[int],
        width: int,
        height: int,
        steps: int | None = None,
        guidance: Sequence[float | None] = (),
        references: Sequence[Sequence[Reference]] = (),
    ) -> Tensor:
        """Images (rows, 3, height, width), float32 in [0, 1]; see models/protocols.py. Only seeds matter."""
        low = torch.tensor([int(s) & 0x7FFFFFFF for s in seeds], dtype=torch.int64)
        colours = ((low[:, None] * _MIX + _MIX.flip(0)) >> 11 & 0xFF).float().reshape(-1, 2, 3, 1, 1) / 255
        across = torch.linspace(0, 1, width).expand(height, width)
        down = torch.linspace(0, 1, height)[:, None].expand(height, width)
        ramp = (across + down) / 2
        return torch.lerp(colours[:, 0], colours[:, 1], ramp)
