"""A step gives the same picture on every device, within the tolerance that README states, at every bit depth.

A machine with CUDA compares GPU and CPU for all steps; any machine compares the learned steps by oneDNN's convolutions
with PyTorch's own, the only ones whose sums have no fixed order.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut
from torch import Tensor

from models.filters import STEPS
from tasks.enhance.chain import enhance, parse_chain

TOLERANCE = 1 / 65535  # of the full range; once rounded to 8, 12 or 16 bits, a value is another by one step at most
VALUES = {
    **dict.fromkeys(("brightness", "contrast", "gamma", "saturation"), "1.3"),
    **dict.fromkeys(("denoise", "sharpen", "repair"), "0.4"),
    **dict.fromkeys(("denoise-nlm", "denoise-bilateral", "denoise-wavelet", "denoise-tv"), "0.05"),
    **dict.fromkeys(("palette", "style"), "{folder}/picture.png@0.7"),
    **dict.fromkeys(("inpaint", "inpaint-telea"), "{folder}/mask.png"),
    **{"temperature": "20", "tint": "5", "white-balance": "grey-edge", "window": "0.5/0.8", "clahe": "2"},
    **{"upscale": "2", "upscale-learned": "2", "denoise-learned": "default"},
}
CASES = [
    ("own kernels", "denoise-learned"),
    ("own kernels", "upscale-learned"),
    *(("cuda", name) for name in STEPS if torch.cuda.is_available()),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(astronaut()[:60, 200:280]).save(tmp_path / "picture.png")
    Image.fromarray(np.pad(np.full((6, 9), 255, np.uint8), ((20, 54), (30, 57)))).save(tmp_path / "mask.png")
    return tmp_path


def picture(bits: int | None) -> Tensor:
    """A noisy photograph (1, 3, 80, 96) with a dead line, in so many bits or in float."""
    clean = astronaut()[:80, 180:276] / 255
    spoilt = (clean + 0.05 * np.random.default_rng(0).normal(size=clean.shape)).clip(0, 1)
    spoilt[40] = 1
    if bits:
        spoilt = np.rint(spoilt * (2**bits - 1)) / (2**bits - 1)
    return torch.tensor(spoilt, dtype=torch.float32).permute(2, 0, 1)[None]


def elsewhere(where: str, images: Tensor, name: str, value: str) -> Tensor:
    chain = parse_chain(f"{name}:{value}")
    if where == "own kernels":
        with torch.backends.mkldnn.flags(enabled=False):
            return enhance(images, chain)
    return enhance(images.to(where), chain).cpu()


@pytest.mark.parametrize("bits", [None, 8, 12, 16])
@pytest.mark.parametrize(("where", "name"), CASES)
def test_a_step_agrees_with_the_cpu(where: str, name: str, bits: int | None, folder: Path) -> None:
    images, value = picture(bits), VALUES[name].format(folder=folder)
    here = enhance(images, parse_chain(f"{name}:{value}"))
    there = elsewhere(where, images, name, value)
    assert not torch.equal(here, images)
    assert (there - here).abs().max() <= TOLERANCE
    top = 2 ** (bits or 16) - 1
    assert ((there * top).round() - (here * top).round()).abs().max() <= 1


def test_every_step_is_compared() -> None:
    assert VALUES.keys() == STEPS.keys()
