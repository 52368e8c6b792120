"""Colour steps do what their unit says."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from skimage.data import astronaut, coffee

from models.filters import Loaded
from models.filters.colour import palette, saturation, temperature, tint, white_balance, white_gains
from models.filters.numbers import luma


def photograph(pixels: np.ndarray) -> np.ndarray:
    return (pixels[::4, ::4] / 255).astype(np.float32)


def test_saturation_zero_is_grey_of_the_same_luma() -> None:
    images = torch.rand(3, 3, 33, 29, generator=torch.Generator().manual_seed(7))
    grey = saturation(images, 0)
    assert torch.allclose(grey[:, 0], grey[:, 1]) and torch.allclose(grey[:, 1], grey[:, 2])
    assert torch.allclose(luma(grey), luma(images), atol=1e-6)


def test_warmer_is_redder_and_less_blue_and_cooler_the_reverse() -> None:
    grey = torch.full((1, 3, 2, 2), 0.5)
    red, _, blue = temperature(grey, 50)[0, :, 0, 0].tolist()
    assert red > 0.51 and blue < 0.49
    red, _, blue = temperature(grey, -50)[0, :, 0, 0].tolist()
    assert red < 0.49 and blue > 0.51


def test_tint_plus_is_magenta_and_minus_is_green() -> None:
    grey = torch.full((1, 3, 2, 2), 0.5)
    red, green, blue = tint(grey, 10)[0, :, 0, 0].tolist()
    assert green < 0.5 < min(red, blue)
    red, green, blue = tint(grey, -10)[0, :, 0, 0].tolist()
    assert green > 0.5 > max(red, blue)


def test_2856_kelvin_gains_match_illuminant_a() -> None:
    # CIE illuminant A, x, y = 0.44757, 0.40745, in linear sRGB at luminance 1, against the 6500 K black body
    # (x, y = 0.3135, 0.3237): computed by hand from IEC 61966-2-1's matrix.
    gains = white_gains(1e6 / 2856 - 1e6 / 6500, 0).flatten() ** 2.2
    to_rgb = torch.tensor([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    lamp = to_rgb @ torch.tensor([0.44757 / 0.40745, 1.0, (1 - 0.44757 - 0.40745) / 0.40745])
    daylight = to_rgb @ torch.tensor([0.3135 / 0.3237, 1.0, (1 - 0.3135 - 0.3237) / 0.3237])
    expected = lamp / daylight
    expected = expected / (expected @ torch.tensor([0.2126, 0.7152, 0.0722]))
    assert torch.allclose(gains, expected, rtol=0.02)


def test_white_shifts_keep_luminance() -> None:
    for mireds, duv in ((-80, 0), (200, 0), (0, 50), (0, -50)):
        assert (white_gains(mireds, duv).flatten() ** 2.2) @ torch.tensor([0.2126, 0.7152, 0.0722]) == pytest.approx(1)


@pytest.mark.parametrize("method", ["grey-edge", "shades-of-grey", "grey-world"])
def test_white_balance_gives_one_picture_under_any_light(method: str) -> None:
    picture = photograph(astronaut()) * 0.8
    lights = [picture * white_gains(mireds, 0).view(3).numpy() * 0.9 for mireds in (-40, 0, 60)]
    made = [white_balance(light, method) for light in lights]
    assert np.abs(made[0] - made[2]).max() < 0.15 * np.abs(lights[0] - lights[2]).max()


@pytest.mark.parametrize("method", ["grey-edge", "shades-of-grey"])
def test_better_white_balance_is_not_misled_by_a_large_coloured_area(method: str) -> None:
    rng = np.random.default_rng(0)
    picture = np.full((64, 96, 3), (0.75, 0.2, 0.15), np.float32)  # a red wall beside grey things in white light
    picture[:, 64:] = rng.random((64, 32, 1), np.float32) * 0.9

    def cast(method: str) -> float:
        grey = white_balance(picture, method)[:, 70:].mean((0, 1))
        return float(grey.max() / grey.min())

    assert cast(method) < 1.1
    assert cast("grey-world") > 1.3


def test_palette_takes_the_references_mean_and_spread() -> None:
    picture, reference = photograph(astronaut()), photograph(coffee())
    made = rgb2lab(palette(picture, Loaded("ref.png", reference)))
    before, wanted = rgb2lab(picture), rgb2lab(reference)
    for moment in (np.mean, np.std):
        goal, now, then = (moment(lab, (0, 1)) for lab in (wanted, made, before))
        assert np.abs(now - goal).max() < 0.25 * np.abs(then - goal).max()
    half = palette(picture, Loaded("ref.png", reference, 0.5))
    assert np.allclose(half, (picture + palette(picture, Loaded("ref.png", reference))) / 2, atol=1e-6)


def test_palette_of_itself_changes_nothing_visible() -> None:
    picture = photograph(astronaut())
    assert np.abs(palette(picture, Loaded("ref.png", picture)) - picture).max() < 1 / 255
