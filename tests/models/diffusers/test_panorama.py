"""Panoramas from checkpoints: a UNet and transformers, decoded whole and in tiles.

Random weights paint noise, in which no seam would be seen; so their noise is smooth here, and closed as a panorama is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import py360convert
import pytest
import torch
from torch import Tensor

from models.diffusers.image_half import DiffusersGenerator, open_diffusers
from models.diffusers.options import PLAIN, Acceleration
from models.diffusers.panorama import DiffusersPanoramas, _by_columns, check_pipeline, margin
from tests.models.diffusers.checkpoints import Checkpoints
from tests.panoramas import bytes_of, psnr, seam

WIDTH, HEIGHT, STEPS = 128, 64, 2
TILED = Acceleration(vae_tiling=True)


def opened(folder: Path, panorama: bool = True, options: Acceleration = PLAIN) -> DiffusersGenerator:
    found = open_diffusers(str(folder), "cpu", options)
    assert found is not None
    return found.panoramic() if panorama else found


def features_of(model: DiffusersGenerator, text: str = "a red cat") -> dict[str, Tensor]:
    (made,) = model.own_encoder.encode([text])
    negative = model.own_encoder.encode_negative
    return {**made, **negative([None])[0]} if negative else made


@contextmanager
def changed_noise(
    model: DiffusersGenerator, change: Callable[[Tensor], Tensor], width: int, height: int
) -> Iterator[None]:
    """Within it the panorama's own columns of the pipeline's noise are changed."""
    model.ready()
    kind = type(model._pipe)
    real = kind.prepare_latents
    beside = margin(model._pipe, width, model.multiple) if isinstance(model, DiffusersPanoramas) else 0

    def inner(columns: Tensor) -> Tensor:
        edge = columns.shape[-1] * beside // (width + 2 * beside)
        made = change(columns[..., edge : columns.shape[-1] - edge])
        return torch.cat([columns[..., :edge], made, columns[..., columns.shape[-1] - edge :]], -1)

    def changed(pipe: Any, *positional: Any, **named: Any) -> Any:
        made = real(pipe, *positional, **named)
        latents = made[0] if isinstance(made, tuple) else made
        latents = _by_columns(latents, (width + 2 * beside) / height, inner)
        return (latents, *made[1:]) if isinstance(made, tuple) else latents

    kind.prepare_latents = changed
    try:
        yield
    finally:
        kind.prepare_latents = real


def smooth(waves: int) -> Callable[[Tensor], Tensor]:
    """Keeps so many waves of noise in each direction, of which each closes."""

    def change(columns: Tensor) -> Tensor:
        for axis in (-1, -2):
            parts = torch.fft.rfft(columns, dim=axis)
            parts.narrow(axis, waves, parts.shape[axis] - waves).zero_()
            columns = torch.fft.irfft(parts, n=columns.shape[axis], dim=axis)
        return columns / columns.std()

    return change


def painted(model: DiffusersGenerator, rows: int, waves: int, width: int = WIDTH, height: int = HEIGHT) -> Tensor:
    row = features_of(model)
    with changed_noise(model, smooth(waves), width, height):
        return model.generate([row] * rows, list(range(rows)), width, height, STEPS)


@pytest.mark.parametrize("family", ["sd1", "qwen-image"])
def test_a_panorama_has_no_seam_in_tiles_neither(family: str, checkpoints: Checkpoints) -> None:
    folder = checkpoints(family)
    assert seam(painted(opened(folder, panorama=False), 4, 4)) > 1.5
    model = opened(folder)
    assert seam(painted(model, 4, 4)) <= 1.1
    held = (model._pipe, model._pipe.vae, model._pipe.scheduler)
    assert not {"decode", "step", "prepare_latents"} & {name for part in held for name in vars(part)}
    assert seam(painted(opened(folder, options=TILED), 4, 4)) <= 1.1


@pytest.mark.parametrize("family", ["sd1", "sana"])
def test_a_cube_and_back_is_the_panorama(family: str, checkpoints: Checkpoints) -> None:
    """But for the poles: a network does not know that there a row is one point."""
    picture = bytes_of(painted(opened(checkpoints(family)), 1, 2, 256, 128)[0])
    faces = py360convert.e2c(picture, face_w=128, cube_format="dict")
    band = slice(16, 112)  # 67 degrees above and below the horizon
    assert psnr(py360convert.c2e(faces, 128, 256, cube_format="dict")[band], picture[band]) >= 35


def test_no_column_of_a_unet_is_different_from_another(checkpoints: Checkpoints) -> None:
    """Turned noise makes the turned picture: to rounding in the network, and at the seam to the decoder's margins."""
    model = opened(checkpoints("sd1"))
    row = features_of(model)
    straight = model.generate([row], [3], WIDTH, HEIGHT, STEPS)
    for columns in (8, 32):  # of 64 columns of latents
        with changed_noise(model, lambda latents, by=columns: latents.roll(by, -1), WIDTH, HEIGHT):  # type: ignore[misc]
            turned = model.generate([row], [3], WIDTH, HEIGHT, STEPS)
        assert (turned.roll(-2 * columns, -1) - straight).abs().mean() < 2e-3
    assert (turned - straight).abs().mean() > 0.05


@pytest.mark.parametrize("family", ["sd1", "flux"])
def test_a_row_is_the_same_to_the_byte_in_any_company(family: str, checkpoints: Checkpoints) -> None:
    model = opened(checkpoints(family))
    row = features_of(model)
    filled = model.generate([row] * 3, [7, 7, 7], WIDTH, HEIGHT, STEPS)
    company = model.generate([row] * 3, [1, 7, 2], WIDTH, HEIGHT, STEPS)
    assert torch.equal(company[1], filled[0])
    assert not torch.equal(company[0], filled[0])
    assert company.shape == (3, 3, HEIGHT, WIDTH)


def test_what_is_no_panorama_is_refused(checkpoints: Checkpoints) -> None:
    model = opened(checkpoints("sd1"))
    with pytest.raises(ValueError, match="twice as wide as high, which 128 x 128 is not"):
        model.check_size(128, 128)
    with pytest.raises(ValueError, match="give multiples of 2 pixels"):
        model.check_size(66, 33)
    lacking = SimpleNamespace(vae=None, movq=object(), scheduler=diffusers.DDIMScheduler())
    with pytest.raises(
        ValueError, match="Kandinsky3Pipeline makes no panoramas, as its latents are not decoded by a vae"
    ):
        check_pipeline(diffusers.Kandinsky3Pipeline, lacking)
