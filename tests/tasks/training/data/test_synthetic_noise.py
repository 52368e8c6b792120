"""Noise that is added to clean pictures: of its kind, with the mean that is said, and none where there is no colour."""

import pytest
import torch

from tasks.training.data import synthetic_noise
from tasks.training.data.synthetic_noise import add_noise, lifted


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_noise_has_the_mean_that_is_said(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(synthetic_noise.torch, "randint", lambda *_: torch.tensor(kind))
    clean = torch.full((4, 3, 200, 200), 0.0)
    clean[:, 0] = 0.3
    noisy, mean = add_noise(clean, torch.tensor([True, False, True, False]))
    apart = noisy - mean
    assert apart.mean((2, 3)).abs().max() < 0.01
    assert apart[:, 0].std((1, 2)).min() > 0.01
    assert (apart[[0, 2], 1:].std((2, 3)) > 0.01).all(), "colours have noise of their own"
    assert (noisy[[1, 3], 1:] == 0).all(), "a grey picture stays grey"
    assert (mean == clean).all() == (kind != 2)


def test_magnitude_is_lifted_as_drawn_ones_are() -> None:
    source = torch.Generator().manual_seed(0)
    for true in (0.0, 0.1, 0.5):
        real, imaginary = 0.2 * torch.randn(2, 400_000, generator=source)
        drawn = torch.hypot(true + real, imaginary).mean()
        assert abs(float(lifted(torch.tensor(true), 0.2) - drawn)) < 1e-3
