"""Each denoiser takes known noise from a real picture, and keeps an edge."""

import itertools

import numpy as np
import pytest
import torch
from skimage.data import camera
from torch import Tensor
from torch.nn.functional import pad

from models.filters import STEPS
from models.filters.noise import denoise, sigma_of


def noisy_edge(sigma: float) -> tuple[Tensor, Tensor]:
    clean = torch.full((1, 3, 48, 48), 0.2)
    clean[..., 24:] = 0.8
    return clean, (clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


def test_denoise_takes_noise_away_and_keeps_the_edge() -> None:
    clean, noisy = noisy_edge(0.05)
    cleaned = denoise(noisy, 0.5)
    assert (cleaned - clean).std() < 0.35 * (noisy - clean).std()
    step_height = cleaned[..., 24].mean() - cleaned[..., 23].mean()
    assert step_height == pytest.approx(0.6, abs=0.02)


def as_defined(images: Tensor, strength: float) -> Tensor:
    """Each neighbour's weight and share computed by itself, one neighbour after the other."""
    height, width = images.shape[-2:]
    padded = pad(images, (3, 3, 3, 3), mode="replicate")
    centre = padded[..., 2 : height + 4, 2 : width + 4]
    total, weights = images, torch.ones_like(images[:, :1])
    for down, right in itertools.product(range(5), range(5)):
        if down == right == 2:
            continue
        other = padded[..., down : down + height + 2, right : right + width + 2]
        squares = (centre - other) * (centre - other)
        distance = squares * 3 if images.shape[1] == 1 else squares[:, 0:1] + squares[:, 1:2] + squares[:, 2:3]
        distance = distance[..., :-2, :] + distance[..., 1:-1, :] + distance[..., 2:, :]
        distance = distance[..., :-2] + distance[..., 1:-1] + distance[..., 2:]
        weight = (1 - distance * (1 / (27 * (10 * (0.1 * strength) ** 2)))).clamp(min=0)
        total = total + other[..., 1:-1, 1:-1] * (weight * weight)
        weights = weights + weight * weight
    return total / weights


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 130), (130, 2), (33, 29)])
def test_denoise_shares_weights_between_neighbours_and_keeps_every_bit(channels: int, height: int, width: int) -> None:
    images = 0.3 * torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(2))
    assert torch.equal(denoise(images, 0.7), as_defined(images, 0.7))


@pytest.mark.parametrize(
    ("name", "value", "gain"),
    [
        ("denoise", 0.5, 2.5),
        ("denoise-nlm", 0.05, 2.5),
        ("denoise-bilateral", 0.05, 2.5),
        ("denoise-wavelet", 0.05, 2.5),
        ("denoise-tv", 0.05, 2.5),
    ],
)
def test_denoiser_gains_decibels_on_a_photograph(name: str, value: float, gain: float) -> None:
    clean = torch.tensor(camera()[100:292, 150:342] / np.float32(255))[None, None]
    noisy = clean + 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    cleaned = STEPS[name].apply(noisy, value)
    won = 10 * torch.log10((noisy - clean).square().mean() / (cleaned - clean).square().mean())
    assert won > gain


@pytest.mark.parametrize("name", ["denoise-nlm", "denoise-bilateral", "denoise-wavelet", "denoise-tv"])
def test_a_level_in_a_small_part_of_the_range_is_a_level_too(name: str) -> None:
    # 12 bits in a 16-bit file: all values below a sixteenth, where float32 has to hold differences of millionths
    clean = torch.tensor(camera()[100:164, 150:214] / np.float32(255))[None, None] / 16
    noise = 0.05 / 16 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    small = STEPS[name].apply(clean + noise, 0.05 / 16) * 16
    assert torch.allclose(small, STEPS[name].apply((clean + noise) * 16, 0.05), atol=2e-3)


def test_noise_level_is_estimated() -> None:
    _, noisy = noisy_edge(0.05)
    assert sigma_of(noisy[0].permute(1, 2, 0).numpy(), "auto") == pytest.approx(0.05, rel=0.1)
