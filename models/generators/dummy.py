"""A generator that costs nothing: a colour gradient from the seed, to measure and test everything around a model."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

_MIX = torch.tensor([2654435761, 2246822519, 3266489917, 668265263, 374761393, 3405691582], dtype=torch.int64)


class DummyGenerator:
    """Two colours hashed from the row's seed, the one running into the other from top left to bottom right."""

    name = "dummy"
    digest = hashlib.sha256(b"dummy 1").hexdigest()
    encoder: str | None = None
    size = 128

    def generate(self, features: Sequence[Tensor], seeds: Sequence[int], width: int, height: int) -> Tensor:
        """Pictures (rows, 3, height, width), float32 in [0, 1]; the features are not looked at."""
        low = torch.tensor([int(s) & 0x7FFFFFFF for s in seeds], dtype=torch.int64)
        colours = ((low[:, None] * _MIX + _MIX.flip(0)) >> 11 & 0xFF).float().reshape(-1, 2, 3, 1, 1) / 255
        across = torch.linspace(0, 1, width).expand(height, width)
        down = torch.linspace(0, 1, height)[:, None].expand(height, width)
        ramp = (across + down) / 2
        return torch.lerp(colours[:, 0], colours[:, 1], ramp)
