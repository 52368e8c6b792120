"""A small blind denoiser: a bias-free U-Net, and how it is applied to colours and to large pictures.

Without biases the network scales with its input (Mohan et al. 2020, "Robust and interpretable blind denoising via
bias-free CNNs"): denoising a picture of half the contrast gives half the result. So it works at noise levels it never
saw, and on twelve bits of signal in a sixteen-bit file.

Nor does it see how bright a picture is on the whole: what is put in is the picture less its blurred self.

Colour pictures go through it in an orthonormal opponent space, where the noise of each channel stays what it was and
most of the picture is in the first; grey ones are that first channel beside two of zeros.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.backends import cudnn
from torch.nn.functional import avg_pool2d, interpolate, pad

from models import checkpoint

FAMILY = "denoiser"
CHANNELS = 3
ALIGN = 8  # pixels: the network halves three times
OVERLAP = 72  # pixels on each side of a tile: as far as the network sees
TILE = 768
DEFAULT = checkpoint.EMBEDDED / "denoiser"

_OPPONENT = (
    torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]) / torch.tensor([3.0, 2.0, 6.0]).sqrt()[:, None]
)


@dataclass(frozen=True)
class DenoiserConfig:
    """Size of the network, and settings of its training."""

    width: int = 48  # channels at half the resolution; twice as many at a quarter and an eighth
    steps: int = 0


class Denoiser(nn.Module):
    """Noisy (n, 3, h, w) in the opponent space to clean, any float range; h and w are multiples of `ALIGN`."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        width, double = config.width, 2 * config.width
        self.head = nn.Sequential(
            nn.PixelUnshuffle(2), _conv(4 * CHANNELS, width), nn.ReLU(), _conv(width, width), nn.ReLU()
        )
        self.down = nn.Sequential(nn.PixelUnshuffle(2), _conv(4 * width, double, 1), nn.ReLU())
        self.before = _Block(double)
        self.deep = nn.Sequential(
            nn.PixelUnshuffle(2),
            _conv(4 * double, double, 1),
            nn.ReLU(),
            _Block(double),
            _Block(double),
            _conv(double, 4 * double, 1),
            nn.PixelShuffle(2),
        )
        self.after = _Block(double)
        self.up = nn.Sequential(_conv(double, 4 * width, 1), nn.PixelShuffle(2))
        self.tail = nn.Sequential(
            _conv(double, width), nn.ReLU(), _conv(width, 4 * CHANNELS, gain=0.1), nn.PixelShuffle(2)
        )

    def forward(self, noisy: Tensor) -> Tensor:
        """Images (n, CHANNELS, h, w) in opponent channels without their noise; h and w multiples of 8."""
        fine = self.head(noisy - _blurred(noisy))
        coarse = self.before(self.down(fine))
        coarse = self.up(self.after(coarse + self.deep(coarse)))
        noise: Tensor = self.tail(torch.cat([fine, coarse], 1))
        return noisy - noise


def _blurred(picture: Tensor) -> Tensor:
    cells = avg_pool2d(avg_pool2d(picture, 8), 3, 1, 1, count_include_pad=False)
    return interpolate(cells, scale_factor=8, mode="bilinear")


class _Block(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, width, gain=0.5))

    def forward(self, x: Tensor) -> Tensor:  # (n, width, h, w), in and out
        return torch.relu(x + self.layers(x))


def _conv(before: int, after: int, size: int = 3, gain: float = 1.0) -> nn.Conv2d:
    """A convolution; the last one has a small `gain`, so that the network starts near the identity."""
    layer = nn.Conv2d(before, after, size, padding=size // 2, bias=False)
    nn.init.normal_(layer.weight, std=gain * (2 / (before * size * size)) ** 0.5)
    return layer


def find(reference: str) -> Path:
    """The folder of `default`, or the folder that is named."""
    return DEFAULT if reference == "default" else Path(reference)


@functools.cache
def load(folder: str, device: str = "cpu") -> Denoiser:
    """The embedded `default`, or the denoiser of a checkpoint folder. Raises ValueError if it is none, or damaged."""
    path = find(folder)
    config = checkpoint.read_config(path)
    if config["family"] != FAMILY:
        raise ValueError(f"{folder} is a model of the family {config['family']!r}, no denoiser; choose another folder")
    model = Denoiser(DenoiserConfig(width=config["width"], steps=config["steps"]))
    checkpoint.load_weights(path, model)
    return model.eval().requires_grad_(False).to(device)


def denoise(model: nn.Module, picture: Tensor, tile: int = TILE) -> Tensor:
    """One picture (1 or 3, h, w), float, without its noise; computed in float32.

    Large ones go a tile at a time; tiles overlap by as far as the network sees, so none shows. Each is seen as it is
    and with its rows for columns, and the mean of both is taken (Timofte, Rothe, Van Gool 2016, "Seven ways to improve
    example-based single image super resolution"): errors of the two views differ, which is worth a tenth of a decibel.
    All eight views would bring another tenth for four times as long.
    """
    channels = to_opponent(picture.float())
    with cudnn.flags(enabled=True, allow_tf32=False):  # a GPU's usual ten bits would lose what 16-bit pictures hold
        made = _denoise_tiles(model, with_colour(channels)[None], tile)[: len(picture)]
    return from_opponent(made).to(picture)


def _denoise_tiles(model: nn.Module, channels: Tensor, tile: int) -> Tensor:
    """(1, 3, h, w) to (3, h, w)."""
    height, width = channels.shape[2:]
    right, bottom = -width % ALIGN, -height % ALIGN
    channels = pad(channels, (0, right, 0, bottom), mode="replicate")
    made = torch.empty_like(channels)
    for top in range(0, channels.shape[2], tile):
        for left in range(0, channels.shape[3], tile):
            y, x = max(0, top - OVERLAP), max(0, left - OVERLAP)
            part = channels[..., y : top + tile + OVERLAP, x : left + tile + OVERLAP]
            inner = made[..., top : top + tile, left : left + tile]
            done = (model(part) + model(part.mT).mT) / 2
            inner.copy_(done[..., top - y : top - y + inner.shape[2], left - x : left - x + inner.shape[3]])
    return made[0, :, :height, :width]


def with_colour(channels: Tensor) -> Tensor:
    """(1 or 3, h, w) to (3, h, w): a grey picture has no colour."""
    return pad(channels, (0, 0, 0, 0, 0, CHANNELS - len(channels)))


def to_opponent(picture: Tensor) -> Tensor:
    """(..., 3, h, w) red-green-blue to brightness, red-blue, green-magenta by a rotation; one channel stays."""
    turn = _OPPONENT.to(picture)
    return picture if picture.shape[-3] == 1 else torch.einsum("ij,...jhw->...ihw", turn, picture)


def from_opponent(channels: Tensor) -> Tensor:
    """The inverse of `to_opponent`: (..., 3, h, w) to red-green-blue; one channel stays."""
    turn = _OPPONENT.to(channels)
    return channels if channels.shape[-3] == 1 else torch.einsum("ij,...ihw->...jhw", turn, channels)
