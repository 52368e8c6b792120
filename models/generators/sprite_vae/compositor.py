"""Composites sprites onto a canvas: the spatial transformer of Attend-Infer-Repeat without rotation.

Moving and scaling are separable, so a sprite is resampled by one matrix a side, as in DRAW (Gregor 2015), with a
triangle kernel that widens when the sprite shrinks: anti-aliased, differentiable, and right at any canvas size.
A sprite is (4, edge, edge): colour premultiplied by coverage, then coverage. A pose is (x, foot, log size): where the
middle of the sprite's lower edge stands, as fractions of the canvas, and its size as a fraction of the shorter side.
"""

import math

import torch
from torch import Tensor


def _weights(start: float, length: float, pixels: range, edge: int, device: torch.device) -> Tensor:
    """The (pixels, edge) matrix that resamples `edge` texels laid over `length` pixels from `start`."""
    step = edge / length
    centres = (torch.arange(pixels.start, pixels.stop, dtype=torch.float32, device=device) + 0.5 - start) * step
    reach = max(1.0, step)
    beyond = math.ceil(reach)  # texels outside are transparent, but count when weights are normalised
    texels = torch.arange(-beyond, edge + beyond, dtype=torch.float32, device=device) + 0.5
    weights = (1 - (centres[:, None] - texels[None, :]).abs() / reach).clamp(min=0)
    return (weights / weights.sum(1, keepdim=True).clamp(min=1e-3))[:, beyond:-beyond]


def _span(start: float, length: float, limit: int) -> range:
    return range(max(0, math.floor(start) - 1), min(limit, math.ceil(start + length) + 1))


def place(sprite: Tensor, pose: tuple[float, float, float], height: int, width: int) -> tuple[Tensor, slice, slice]:
    """The sprite resampled to its box on a (height, width) canvas: (4, rows, columns), and which rows and columns."""
    edge = sprite.shape[-1]
    x, foot, size = pose[0] * width, pose[1] * height, math.exp(pose[2]) * min(width, height)
    rows, columns = _span(foot - size, size, height), _span(x - size / 2, size, width)
    box = slice(rows.start, max(rows.start, rows.stop)), slice(columns.start, max(columns.start, columns.stop))
    if not rows or not columns:
        return sprite.new_zeros(len(sprite), len(rows), len(columns)), *box
    down = _weights(foot - size, size, rows, edge, sprite.device)
    across = _weights(x - size / 2, size, columns, edge, sprite.device)
    return down @ sprite @ across.T, *box


def paint(
    canvas: Tensor, sprite: Tensor, pose: tuple[float, float, float], light: Tensor | None = None
) -> tuple[Tensor, slice, slice]:
    """Composites a sprite (4, edge, edge) over `canvas` (3, height, width) in place, its colours times `light` (3,).

    Returns what it covers, (1, rows, columns) between 0 and 1, and which rows and columns.
    """
    layer, rows, columns = place(sprite, pose, canvas.shape[1], canvas.shape[2])
    colour = layer[:3] if light is None else layer[:3] * light[:, None, None]
    canvas[:, rows, columns] = canvas[:, rows, columns] * (1 - layer[3:]) + colour
    return layer[3:], rows, columns
