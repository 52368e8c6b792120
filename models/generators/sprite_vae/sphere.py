"""Paints sprites onto an equirectangular canvas: each on a plane that touches the sphere, so that it is seen flat.

Angles are in degrees, a canvas is (3, height, 2 * height), a sprite (4, edge, edge) with its colour premultiplied by
its coverage. All of it is periodic in yaw, so that the canvas has no seam.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.panorama import angles


@dataclass(frozen=True)
class Plane:
    """Where a sprite is: on a plane that touches the unit sphere at (yaw, pitch), a square of `edge` whose middle lies
    `above` the touching point."""

    yaw: float
    pitch: float
    edge: float
    above: float = 0.0


def standing(yaw: float, foot: float, top: float) -> Plane:
    """The upright plane of a thing that is seen from pitch `foot` to `top`."""
    low, high = math.tan(math.radians(foot)), math.tan(math.radians(top))
    return Plane(yaw, 0.0, high - low, (high + low) / 2)


def floating(yaw: float, pitch: float, angle: float) -> Plane:
    """The plane of a thing that faces the viewer and is `angle` wide."""
    return Plane(yaw, pitch, 2 * math.tan(math.radians(angle / 2)))


def paint_on(canvas: Tensor, sprite: Tensor, plane: Plane, light: Tensor | None = None) -> None:
    """Composites a sprite over the canvas in place, its colours times `light` (3,)."""
    height, width = canvas.shape[1:]
    rows, columns = _box(plane, width, height)
    yaw, pitch = (values.deg2rad() for values in angles(width, height, canvas.device))
    at, turn = math.radians(plane.pitch), (yaw[columns] - math.radians(plane.yaw))[None, :]
    up, flat = pitch[rows].sin()[:, None], pitch[rows].cos()[:, None]
    depth = up * math.sin(at) + flat * turn.cos() * math.cos(at)
    seen = depth > 0.02  # what is behind the viewer would be mirrored
    depth = depth.clamp(min=0.02)
    x = flat * turn.sin() / depth
    y = (up * math.cos(at) - flat * turn.cos() * math.sin(at)) / depth - plane.above
    grid = torch.stack([x, -y], -1) * (2 / plane.edge)
    grid = torch.where(seen[..., None], grid, 9.0)
    _over(canvas, _sampled(sprite, grid, plane.edge * width / (2 * math.pi)), rows, columns, light)


def paint_band(canvas: Tensor, sprite: Tensor, foot: float, tiles: int, light: Tensor | None = None) -> None:
    """Composites a sprite over the canvas all round, as on an upright cylinder, side by side with its mirror image.

    Args:
        foot: the pitch of its lower edge.
        tiles: how often it is seen; even, so that it closes.
    """
    height, width = canvas.shape[1:]
    yaw, pitch = angles(width, height, canvas.device)
    across = 1 - ((yaw * (tiles / 360) + 0.5) % 2 - 1).abs()  # 0 to 1 and back
    up = (pitch.deg2rad().tan() - math.tan(math.radians(foot))) * (tiles / (2 * math.pi))
    rows = torch.nonzero((pitch.abs() < 85) & (up > -0.02) & (up < 1.02))[:, 0]
    grid = torch.stack(torch.broadcast_tensors(across[None, :], 1 - up[rows][:, None]), -1) * 2 - 1
    columns = torch.arange(width, device=canvas.device)
    _over(canvas, _sampled(sprite, grid, width / tiles), rows, columns, light)


def shine(canvas: Tensor, added: Tensor, yaw: float, pitch: float, radius: float) -> None:
    """Adds light (3,) to the canvas in place around a direction, of which exp(-1) is left at `radius` degrees, and to
    what lies below the horizon none."""
    columns, rows = (values.deg2rad() for values in angles(canvas.shape[2], canvas.shape[1], canvas.device))
    turn, at = columns[None, :] - math.radians(yaw), math.radians(pitch)
    up, flat = rows.sin()[:, None], rows.cos()[:, None]
    away = (up * math.sin(at) + flat * turn.cos() * math.cos(at)).clamp(-1, 1).acos()
    share = torch.exp(-((away / math.radians(radius)) ** 2)) * (up * 20 + 1).clamp(0, 1)
    canvas += added[:, None, None] * share


def _box(plane: Plane, width: int, height: int) -> tuple[Tensor, Tensor]:
    """The indices of the rows and columns that the plane's square may cover."""
    middle = plane.pitch + math.degrees(math.atan(plane.above))
    radius = math.degrees(math.atan(0.75 * plane.edge)) + 180 / height
    top, bottom = (90 - middle - radius) * height / 180, (90 - middle + radius) * height / 180
    rows = torch.arange(max(0, math.floor(top)), min(height, math.ceil(bottom)))
    if abs(middle) + radius >= 89:  # round a pole
        return rows, torch.arange(width)
    reach = math.degrees(math.asin(min(1.0, math.sin(math.radians(radius)) / math.cos(math.radians(middle)))))
    first, last = ((plane.yaw + side * reach + 180) * width / 360 for side in (-1, 1))
    return rows, torch.arange(math.floor(first), math.ceil(last) + 1)[:width] % width


def _sampled(sprite: Tensor, grid: Tensor, pixels: float) -> Tensor:
    """The sprite at places (rows, columns, 2) from -1 to 1, drawn for an edge of so many pixels: (4, rows, columns)."""
    edge = max(2, round(pixels))
    sized = F.interpolate(sprite[None], (edge, edge), mode="bilinear", align_corners=False, antialias=True)
    return F.grid_sample(sized, grid[None], mode="bilinear", padding_mode="zeros", align_corners=False)[0]


def _over(canvas: Tensor, layer: Tensor, rows: Tensor, columns: Tensor, light: Tensor | None) -> None:
    colour = layer[:3] if light is None else layer[:3] * light[:, None, None]
    where = (slice(None), rows[:, None], columns[None, :])
    canvas[where] = canvas[where] * (1 - layer[3:]) + colour
