"""The convolutional half of the VAE: backgrounds from a latent, latents from images, and the finishing pass."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generators.sprite_vae.sprite_memory import ResidualBlock, zero_init


class BackgroundEncoder(nn.Module):
    """q(z | image, text): from the difference of an image to what its text predicts, mean and log-variance of z.

    The difference rather than the image, since what the text already explains would dominate the rest.
    """

    def __init__(self, latent: int, condition: int) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128, 128)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.leave = nn.Linear(128 * 16 + condition, 2 * latent)
        with torch.no_grad():  # large means and small variances at first, or the decoder learns to ignore z
            self.leave.weight[:latent] *= 8
            self.leave.bias[latent:] = -4.0

    def forward(self, difference: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, 128, 128) in [-1, 1] and (batch, condition) to mean and log-variance, (batch, latent) each."""
        hidden = difference * 8
        for layer in self.down:
            hidden = F.silu(layer(hidden))
        mean, log_variance = self.leave(torch.cat([hidden.flatten(1), condition], 1)).chunk(2, 1)
        return mean, log_variance.clamp(-8, 2)


class BackgroundDecoder(nn.Module):
    """phi(z, scene): upsamples a learned 8x8 grid to 32x32 under the condition, then 4x4 pixels at each place."""

    def __init__(self, condition: int, widths: tuple[int, int, int] = (128, 96, 48)) -> None:
        super().__init__()
        wide, middle, narrow = widths
        self.condition = nn.Sequential(nn.Linear(condition, 192), nn.SiLU(), nn.Linear(192, 192), nn.SiLU())
        self.grid = nn.Parameter(torch.randn(1, wide, 8, 8) * 0.5)
        self.start = nn.Linear(192, wide * 16)
        self.low = nn.ModuleList([ResidualBlock(wide, 192)])
        self.to_middle = nn.Conv2d(wide, middle, 3, padding=1)
        self.mid = nn.ModuleList([ResidualBlock(middle, 192)])
        self.to_narrow = nn.Conv2d(middle, narrow, 3, padding=1)
        self.high = nn.ModuleList([ResidualBlock(narrow, 192)])
        self.leave = nn.Conv2d(narrow, 48, 3, padding=1)

    def forward(self, condition: Tensor) -> Tensor:
        """(batch, condition) to backgrounds (batch, 3, 128, 128) in [0, 1]."""
        c = self.condition(condition)
        coarse = self.start(c).reshape(len(c), -1, 4, 4)
        x = self.grid + F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        for block in self.low:
            x = block(x, c)
        x = self.to_middle(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        for block in self.mid:
            x = block(x, c)
        x = self.to_narrow(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        for block in self.high:
            x = block(x, c)
        return torch.sigmoid(F.pixel_shuffle(self.leave(F.silu(x)), 4))


class Finish(nn.Module):
    """Shadows and light where sprites meet the background: a residual from the image and the sprites' coverage."""

    def __init__(self, condition: int, width: int = 32) -> None:
        super().__init__()
        self.enter = nn.Conv2d(64, width, 3, padding=1)
        self.block = ResidualBlock(width, condition)
        self.leave = nn.Conv2d(width, 48, 3, padding=1)
        zero_init(self.leave)

    def forward(self, picture: Tensor, cover: Tensor, condition: Tensor) -> Tensor:
        """Images (batch, 3, 128, 128) and coverage (batch, 1, 128, 128), in [0, 1], to the images' residual."""
        hidden = self.enter(F.pixel_unshuffle(torch.cat([picture * 2 - 1, cover], 1), 4))
        return F.pixel_shuffle(self.leave(F.silu(self.block(hidden, condition))), 4)
