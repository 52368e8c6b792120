"""Text features and a little noise to latents in one pass: the autoencoder's text head, and the GAN's generator."""

import torch
from torch import Tensor, nn

from models.generators.latent.codec import CHANNELS

NOISE = 32  # random numbers that a picture is made from
SQUARE = 2  # latents a side that one query paints


class Normaliser(nn.Module):
    """A frozen language model's features (n, tokens, width) with mean 0 and variance 1, zero where padded."""

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return ((tokens - self.mean) / self.spread) * mask.unsqueeze(-1)


class Painter(nn.Module):
    """A transformer whose queries, one a square of latents and coloured by the noise, attend to the words."""

    def __init__(self, features: int, edge: int, width: int, layers: int) -> None:
        super().__init__()
        self.squares = edge // SQUARE
        count = self.squares**2
        self.normalise = Normaliser(features)
        self.enter = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))
        self.queries = nn.Parameter(torch.randn(count, width) * 0.5)
        self.noise = nn.Linear(NOISE, count * width)
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                width, width // 64, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, CHANNELS * SQUARE * SQUARE))
        self.fold = nn.PixelShuffle(SQUARE)

    def forward(self, tokens: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Features (n, tokens, width), their mask and noise (n, 32) to latents (n, 16, edge, edge)."""
        words = self.enter(self.normalise(tokens, mask))
        painted = self.queries + self.noise(noise).reshape(len(words), *self.queries.shape)
        for layer in self.layers:
            painted = layer(painted, words, memory_key_padding_mask=~mask)
        return self.fold(self.leave(painted).transpose(1, 2).reshape(len(words), -1, self.squares, self.squares))
