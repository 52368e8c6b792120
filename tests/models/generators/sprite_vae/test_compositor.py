"""Painting sprites: where they land, how large, and how they shrink."""

import math

import pytest
import torch
from torch import Tensor

from models.generators.sprite_vae.compositor import paint


def is_picture(pictures: Tensor, rows: int, height: int, width: int) -> bool:
    """Whether these are pictures of the shape, float32 in [0, 1]."""
    return (
        pictures.shape == (rows, 3, height, width)
        and pictures.dtype == torch.float32
        and bool((pictures >= 0).all() and (pictures <= 1).all())
    )


def square() -> Tensor:
    return torch.ones(4, 128, 128)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (64, 200), (300, 100)])
def test_a_sprite_stands_where_its_pose_says_and_is_as_large(height: int, width: int) -> None:
    canvas = torch.zeros(3, height, width)
    paint(canvas, square(), (0.5, 0.75, math.log(0.4)))
    edge = 0.4 * min(height, width)
    assert canvas[0].sum() == pytest.approx(edge**2, rel=0.06)
    rows, columns = (canvas[0] > 0.5).nonzero(as_tuple=True)
    assert int(rows.max()) + 1 == pytest.approx(0.75 * height, abs=1)
    assert (int(columns.min()) + int(columns.max()) + 1) / 2 == pytest.approx(0.5 * width, abs=1)


def test_fine_stripes_shrink_to_grey_without_ripple() -> None:
    stripes = torch.ones(4, 128, 128)
    stripes[:3, :, ::2] = 0
    canvas = torch.zeros(3, 128, 128)
    paint(canvas, stripes, (0.5, 0.9, math.log(0.31)))
    inside = canvas[0, 85:105, 50:78]
    assert inside.std() < 0.03
    assert inside.mean() == pytest.approx(0.5, abs=0.03)


def test_a_sprite_outside_the_canvas_changes_nothing() -> None:
    canvas = torch.zeros(3, 64, 64)
    paint(canvas, square(), (3.0, 0.5, math.log(0.3)))
    assert canvas.sum() == 0


def test_light_multiplies_the_colours() -> None:
    canvas = torch.zeros(3, 64, 64)
    paint(canvas, square(), (0.5, 0.8, math.log(0.5)), torch.tensor([1.0, 0.5, 0.0]))
    assert torch.allclose(canvas[:, 36, 32], torch.tensor([1.0, 0.5, 0.0]), atol=1e-5)
