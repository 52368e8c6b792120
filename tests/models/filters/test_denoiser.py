"""The denoiser scales with its input, leaves no seams, and takes noise from colour, grey and faint pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut, camera
from torch import Tensor

from models import checkpoint
from models.filters import STEPS, Loaded
from models.filters.denoiser import (
    ALIGN,
    DEFAULT,
    OVERLAP,
    Denoiser,
    DenoiserConfig,
    denoise,
    from_opponent,
    load,
    to_opponent,
)


def photograph(colour: bool) -> Tensor:
    pixels = astronaut()[:180, 150:330] if colour else camera()[100:280, 150:330, None]
    return torch.tensor(pixels / 255, dtype=torch.float32).permute(2, 0, 1)


def noisy(clean: Tensor, sigma: float) -> Tensor:
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))


def decibels(made: Tensor, clean: Tensor) -> float:
    return -10 * float((made - clean).square().mean().log10())


@pytest.mark.parametrize("colour", [False, True])
def test_embedded_denoiser_gains_much_at_levels_it_is_not_told(colour: bool) -> None:
    clean = photograph(colour)
    for sigma in (10 / 255, 25 / 255, 50 / 255):
        spoilt = noisy(clean, sigma)
        assert decibels(denoise(load("default"), spoilt), clean) > decibels(spoilt, clean) + 4


def test_faint_picture_is_denoised_as_a_strong_one() -> None:
    spoilt = noisy(photograph(False), 0.1)
    model = load("default")
    assert torch.allclose(denoise(model, spoilt / 64) * 64, denoise(model, spoilt), atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(180, 180), (133, 181), (5, 3), (1, 1)])
def test_tiles_leave_no_seam(height: int, width: int) -> None:
    spoilt = noisy(photograph(False), 0.1)[:, :height, :width]
    model = load("default")
    assert torch.allclose(denoise(model, spoilt, tile=64), denoise(model, spoilt, tile=512), atol=1e-5)


def test_network_sees_no_further_than_tiles_overlap() -> None:
    torch.manual_seed(0)
    model = Denoiser(DenoiserConfig(width=8))
    before = OVERLAP + 32
    spot = torch.zeros(1, 3, 2 * before + ALIGN, 2 * before + ALIGN)
    spot[..., before : before + ALIGN, before : before + ALIGN] = 1
    seen = (model(spot) != 0)[0, 0].nonzero()
    assert OVERLAP - ALIGN < before - int(seen.min()) <= OVERLAP


def test_a_gpu_may_not_shorten_its_floats() -> None:
    allowed = []

    class Same(torch.nn.Module):
        def forward(self, picture: Tensor) -> Tensor:
            allowed.append(torch.backends.cudnn.allow_tf32)
            return picture

    before = torch.backends.cudnn.allow_tf32
    spoilt = noisy(photograph(True), 0.1)
    assert torch.allclose(denoise(Same(), spoilt), spoilt, atol=1e-6)
    assert allowed == [False, False]  # the picture, and its rows for columns
    assert torch.backends.cudnn.allow_tf32 is before


def test_opponent_space_is_a_rotation() -> None:
    picture = photograph(True)
    turned = to_opponent(picture)
    assert torch.allclose(turned.square().sum(), picture.square().sum(), rtol=1e-5)
    assert torch.allclose(from_opponent(turned), picture, atol=1e-6)


def test_step_serves_rows_alone_as_in_a_batch() -> None:
    images = torch.stack([noisy(photograph(True), 0.05 * (i + 1))[:, :70, :50] for i in range(3)])
    step, network = STEPS["denoise-learned"], Loaded("default", "default")
    together = step.apply(images, network)
    for row in range(3):
        assert torch.equal(step.apply(images[row : row + 1], network)[0], together[row])


def test_checkpoint_comes_back_to_the_bit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Denoiser(DenoiserConfig(width=8, steps=5))
    checkpoint.save(tmp_path, "denoiser", model.config, model, "# card\n", exact=True)
    back = load(str(tmp_path))
    assert back.config == model.config
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), back.parameters(), strict=True))


def test_a_model_of_another_family_is_refused(tmp_path: Path) -> None:
    model = Denoiser(DenoiserConfig(width=8))
    checkpoint.save(tmp_path, "vae", model.config, model, "")
    with pytest.raises(ValueError, match="a model of the family 'vae', no denoiser"):
        load(str(tmp_path))


def test_embedded_weights_are_small() -> None:
    assert (DEFAULT / "model.safetensors").stat().st_size < 4 * 2**20
    assert np.isfinite(next(iter(load("default").parameters())).numpy()).all()
