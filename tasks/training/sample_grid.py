"""A grid of pictures as a PNG file."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor


def write_grid(path: Path, rows: Sequence[Tensor]) -> None:
    """Writes rows of pictures, each (n, 3, height, width) float32 with black at 0 and white at 1, as a PNG."""
    grid = torch.cat([torch.cat(list(row.float().cpu().clamp(0, 1)), -1) for row in rows], -2)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((grid.permute(1, 2, 0) * 255).byte().numpy()).save(path)
