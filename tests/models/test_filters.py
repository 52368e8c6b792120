"""Each filter does what its unit says, leaves a picture alone at its neutral value, and treats rows apart."""

import pytest
import torch
from torch import Tensor

from models.filters import STEPS, denoise, luma, saturation, sharpen, step, temperature, tint, white_gains

NAMES = sorted(STEPS)


def pictures(rows: int = 3, height: int = 33, width: int = 29) -> Tensor:
    return torch.rand(rows, 3, height, width, generator=torch.Generator().manual_seed(7))


def noisy_edge(sigma: float) -> tuple[Tensor, Tensor]:
    clean = torch.full((1, 3, 48, 48), 0.2)
    clean[..., 24:] = 0.8
    return clean, (clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_neutral_value_is_identity_to_the_bit(name: str) -> None:
    images = pictures()
    assert torch.equal(STEPS[name].apply(images, STEPS[name].neutral), images)


@pytest.mark.parametrize("name", NAMES)
def test_both_ends_of_the_range_change_the_picture_and_stay_finite(name: str) -> None:
    images = pictures()
    for value in {STEPS[name].low, STEPS[name].high} - {STEPS[name].neutral}:
        changed = STEPS[name].apply(images, value)
        assert changed.shape == images.shape
        assert torch.isfinite(changed).all()
        assert not torch.allclose(changed, images, atol=0.01)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("height", "width"), [(33, 29), (64, 64), (1, 1), (2, 130)])
def test_row_is_the_same_alone_in_a_batch_and_with_other_threads(name: str, height: int, width: int) -> None:
    images = pictures(5, height, width)
    value = STEPS[name].low + 0.4 * (STEPS[name].high - STEPS[name].low)
    together = STEPS[name].apply(images, value)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        for row in range(5):
            assert torch.equal(STEPS[name].apply(images[row : row + 1].clone(), value)[0], together[row])
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NAMES)
def test_memory_layout_does_not_change_a_bit(name: str) -> None:
    images = pictures()
    value = STEPS[name].low + 0.3 * (STEPS[name].high - STEPS[name].low)
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(STEPS[name].apply(last, value), STEPS[name].apply(images, value))


def test_saturation_zero_is_grey_of_the_same_luma() -> None:
    grey = saturation(pictures(), 0)
    assert torch.allclose(grey[:, 0], grey[:, 1]) and torch.allclose(grey[:, 1], grey[:, 2])
    assert torch.allclose(luma(grey), luma(pictures()), atol=1e-6)


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


def test_sharpen_steepens_an_edge_and_leaves_flat_parts() -> None:
    edge, _ = noisy_edge(0)
    sharp = sharpen(edge, 1)
    assert sharp[0, 0, 24, 24] > 0.85 and sharp[0, 0, 24, 23] < 0.15
    assert torch.allclose(sharp[..., :20], edge[..., :20], atol=1e-6)


def test_denoise_takes_noise_away_and_keeps_the_edge() -> None:
    clean, noisy = noisy_edge(0.05)
    cleaned = denoise(noisy, 0.5)
    assert (cleaned - clean).std() < 0.35 * (noisy - clean).std()
    step_height = cleaned[..., 24].mean() - cleaned[..., 23].mean()
    assert step_height == pytest.approx(0.6, abs=0.02)


def test_a_new_step_is_one_decorated_function_and_a_taken_name_is_refused() -> None:
    @step("invert-for-test", low=0, high=1, neutral=0, unit="share")
    def invert(images: Tensor, share: float) -> Tensor:
        return images * (1 - share) + (1 - images) * share

    try:
        assert STEPS["invert-for-test"].apply is invert
        with pytest.raises(ValueError, match="two filters called 'invert-for-test'"):
            step("invert-for-test", low=0, high=1, neutral=0, unit="share")(invert)
    finally:
        del STEPS["invert-for-test"]
