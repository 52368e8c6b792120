"""Recolouring: the dominant colour becomes the one that is asked for, everything else stays."""

import pytest
import torch
from torch import Tensor

from models.generators.sprite_vae.recolour import COLOURS, recolour


def sprite(colour: tuple[float, float, float], second: tuple[float, float, float] = (0.2, 0.7, 0.2)) -> Tensor:
    """A large square of one colour with a shaded half, and a small one of another; nothing around them."""
    made = torch.zeros(4, 32, 32)
    made[:3, 4:24, 4:28] = torch.tensor(colour)[:, None, None]
    made[:3, 14:24, 4:28] *= 0.7
    made[:3, 24:28, 4:12] = torch.tensor(second)[:, None, None]
    made[3] = (made[:3].sum(0) > 0).float()
    return made


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("was", [(0.9, 0.2, 0.2), (0.2, 0.3, 0.9), (0.75, 0.75, 0.78)])
def test_the_large_part_takes_the_colour_and_the_small_one_keeps_its_own(
    colour: str, was: tuple[float, float, float]
) -> None:
    before = sprite(was)
    after = recolour(before, colour)
    assert torch.equal(after[3], before[3])
    assert torch.allclose(after[:, 25, 6], before[:, 25, 6], atol=0.05)
    red, green, blue = after[:3, 8, 16].tolist()
    dominant = {
        "red": red > 2 * max(green, blue),
        "orange": red > green > 1.8 * blue,
        "yellow": min(red, green) > 2 * blue and abs(red - green) < 0.3,
        "green": green > 1.5 * max(red, blue),
        "blue": blue > 1.3 * green > red,
        "purple": blue > red > 1.1 * green,
        "pink": red > 0.8 and red > blue > green,
        "brown": 0.7 > red > green > blue,
        "black": max(red, green, blue) < 0.3,
        "grey": min(red, green, blue) > 0.3
        and max(red, green, blue) < 0.8
        and max(red, green, blue) < min(red, green, blue) + 0.15,
        "white": min(red, green, blue) > 0.8,
    }
    assert dominant[colour], (red, green, blue)
    assert after[:3, 20, 16].sum() < after[:3, 8, 16].sum()  # the shade stays a shade


def test_colour_stays_below_coverage_and_the_sprite_given_is_left_alone() -> None:
    soft = sprite((0.9, 0.2, 0.2)) * 0.4
    kept = soft.clone()
    made = recolour(soft, "yellow")
    assert torch.equal(soft, kept)
    assert (made[:3] <= made[3:] + 1e-5).all()
    assert (made >= 0).all()
