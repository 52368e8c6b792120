"""Synthetic noise, for a denoiser that learns from clean pictures."""

import math

import torch
from torch import Tensor

from models.filters.denoiser import from_opponent, to_opponent

GAUSSIAN = (4 / 255, 75 / 255)  # standard deviation
PHOTONS = (5.0, 300.0)  # at white
RICIAN = (0.015, 0.26)  # standard deviation of both parts of a complex signal, whose magnitude is the picture


def add_noise(clean: Tensor, coloured: Tensor) -> tuple[Tensor, Tensor]:
    """Adds Gaussian, Poisson or Rician noise of any level to each picture; torch's default generator draws.

    Args:
        clean: (n, 3, h, w) in the opponent space of the denoiser, made of values in [0, 1].
        coloured: (n,) bool; of those that are not, only the first channel counts.

    Returns:
        The noisy pictures, and the means of that noise: the clean pictures, but for what a magnitude lifts.
    """
    made = [_spoil_one(picture if colour else picture[:1]) for picture, colour in zip(clean, coloured, strict=True)]
    noisy, mean = clean.clone(), clean.clone()
    for i, (each, expected) in enumerate(made):
        noisy[i, : len(each)], mean[i, : len(each)] = each, expected
    return noisy, mean


def _spoil_one(channels: Tensor) -> tuple[Tensor, Tensor]:
    kind = int(torch.randint(3, ()))
    light = from_opponent(channels).clamp(min=0)
    if kind == 0:
        return channels + _level(GAUSSIAN) * torch.randn_like(channels), channels
    if kind == 1:
        photons = _level(PHOTONS)
        return to_opponent(torch.poisson(light * photons) / photons), channels
    sigma = _level(RICIAN)
    real, imaginary = sigma * torch.randn(2, *light.shape)
    return to_opponent(torch.hypot(light + real, imaginary)), to_opponent(lifted(light, sigma))


def _level(between: tuple[float, float]) -> float:
    low, high = map(math.log, between)
    return math.exp(low + (high - low) * float(torch.rand(())))


def lifted(true: Tensor, sigma: float) -> Tensor:
    """The mean of a magnitude whose real part is `true` but for noise (Koay, Basser 2006)."""
    half = true.square() / (4 * sigma**2)
    near = (1 + 2 * half) * torch.special.i0e(half) + 2 * half * torch.special.i1e(half)
    return sigma * math.sqrt(math.pi / 2) * near
