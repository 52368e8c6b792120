"""Generators on every device that this machine has: the CPU's pictures, to rounding."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.generators.registry import load_generator
from models.protocols import Generator
from tests.models.generators.latent.checkpoints import FAMILIES, FEATURES, write_latent

DEVICES = [
    "cpu",
    *(["cuda"] if torch.cuda.is_available() else []),
    *(["mps"] if torch.backends.mps.is_available() else []),
]
TOLERANCE = 0.02  # of a value in [0, 1]: other kernels, and TF32 convolutions on a GPU
REFERENCES = ("default", *FAMILIES)


def load(reference: str, device: str, folder: Path) -> Generator:
    return load_generator.__wrapped__(
        reference if reference == "default" else str(write_latent(folder / reference, reference)), device
    )


def rows(reference: str) -> list[Tensor]:
    source = torch.Generator().manual_seed(0)
    width = 640 if reference == "default" else FEATURES
    return [torch.randn(4 + 3 * i, width, generator=source) * 3 for i in range(5)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("reference", REFERENCES)
def test_pictures_are_the_cpus(reference: str, device: str, tmp_path: Path) -> None:
    features = rows(reference)
    for size in ((32, 32), (48, 40), (128, 128)):
        expected = load(reference, "cpu", tmp_path / f"cpu{size}").generate(features, range(5), *size)
        made = load(reference, device, tmp_path / f"{device}{size} again").generate(features, range(5), *size)
        assert made.device.type == "cpu"
        assert (made - expected).abs().mean((1, 2, 3)).max() < TOLERANCE
        assert device != "cpu" or torch.equal(made, expected)


@pytest.mark.parametrize("reference", REFERENCES)
def test_no_tensor_is_made_on_whatever_device_is_the_default(reference: str, tmp_path: Path) -> None:
    generator, features = load(reference, "cpu", tmp_path), rows(reference)
    other = load(reference, "cpu", tmp_path / "other")
    expected = other.generate(features, range(5), 48, 40)
    with torch.device("meta"):  # such a tensor has no values there, and cannot meet one that has
        made = generator.generate(features, range(5), 48, 40)
    assert torch.allclose(made, expected, atol=1e-4)  # within it torch leaves out its fused transformer layers
