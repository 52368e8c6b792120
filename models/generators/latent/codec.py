"""Images to latents and back; the autoencoder's halves, and the latent space of the GAN and the rectified flow.

The encoder is the principal components of 8x8 patches in closed form (Hotelling 1933), as a strided convolution. The
decoder is its inverse plus a learned residual: a convolutional network with sub-pixel upsampling (Shi 2016).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 8  # edge in pixels of the patch that becomes one latent
CHANNELS = 16


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:  # (batch, width, h, w), in and out
        return x + self.second(F.silu(self.first(F.silu(x))))


def _up(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs * 4, 3, padding=1), nn.PixelShuffle(2))


class Codec(nn.Module):
    """`encode`: images (batch, 3, h, w) in [0, 1] to latents (batch, 16, h/8, w/8) of unit variance; `decode`: back."""

    mean: Tensor
    basis: Tensor
    spread: Tensor

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((3, PATCH, PATCH), 0.5))
        self.register_buffer("basis", torch.zeros(CHANNELS, 3, PATCH, PATCH))  # orthonormal components
        self.register_buffer("spread", torch.ones(CHANNELS))  # standard deviation of the pictures along each
        self.refine = nn.Sequential(
            nn.Conv2d(CHANNELS, width, 3, padding=1),
            *(_Residual(width) for _ in range(depth)),
            _up(width, width // 2),
            *(_Residual(width // 2) for _ in range(2)),
            _up(width // 2, width // 4),
            _Residual(width // 4),
            nn.SiLU(),
            _up(width // 4, 3),
        )
        for weight in list(self.refine.parameters())[-2:]:
            nn.init.zeros_(weight)  # starts as the encoder's linear inverse

    @torch.no_grad()
    def fit(self, pictures: Tensor) -> None:
        """Sets the encoder to the principal components of images (batch, 3, h, w) in [0, 1]."""
        patches = F.unfold(pictures, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1).double()
        mean = patches.mean(0)
        values, vectors = torch.linalg.eigh((patches - mean).T.cov())
        components = vectors[:, -CHANNELS:].flip(1).T
        components *= components.sum(1, keepdim=True).sign() + 0.5  # eigh leaves the sign open; 0.5: never zero
        self.mean.copy_(mean.reshape(3, PATCH, PATCH))
        self.basis.copy_(F.normalize(components, dim=1).reshape_as(self.basis))
        self.spread.copy_(values[-CHANNELS:].flip(0).clamp(min=1e-8).sqrt())

    def encode(self, pictures: Tensor) -> Tensor:
        """Images (batch, 3, h, w) in [0, 1] to latents (batch, 16, h/8, w/8)."""
        shift = (self.basis * self.mean).sum((1, 2, 3))
        basis = self.basis / self.spread[:, None, None, None]
        with torch.autocast(pictures.device.type, enabled=False):  # training targets: in full precision
            return F.conv2d(pictures, basis, -shift / self.spread, stride=PATCH)

    def inverse(self, latents: Tensor) -> Tensor:
        """The encoder's linear inverse, without the learned residual: (batch, 3, h, w)."""
        plain = F.conv_transpose2d(latents, self.basis * self.spread[:, None, None, None], stride=PATCH)
        return plain + self.mean.repeat(1, latents.shape[2], latents.shape[3])

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (batch, 16, h/8, w/8) to images (batch, 3, h, w), not clamped to [0, 1] so that gradients pass."""
        return self.inverse(latents) + self.refine(latents)


def sharpness_loss(made: Tensor, pictures: Tensor) -> Tensor:
    """L1 loss of images (batch, 3, h, w) in [0, 1] and of their horizontal and vertical gradients."""
    across = (made[..., 1:] - made[..., :-1]) - (pictures[..., 1:] - pictures[..., :-1])
    down = (made[..., 1:, :] - made[..., :-1, :]) - (pictures[..., 1:, :] - pictures[..., :-1, :])
    return (made - pictures).abs().mean() + across.abs().mean() + down.abs().mean()
