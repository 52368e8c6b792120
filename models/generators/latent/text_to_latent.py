"""Text features and noise to latents in one forward pass: the autoencoder's text head and the GAN's generator."""

import torch
from torch import Tensor, nn

from models.generators.latent.codec import CHANNELS

NOISE = 32  # width of the noise vector
SQUARE = 2  # edge in latents of the patch that one query predicts


class Normaliser(nn.Module):
    """Standardises a frozen language model's features (batch, tokens, width) by channel; zero where padded.

    `mean` and `spread` (standard deviation), both (width,), are set from the training set and not learned.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Features (batch, tokens, width) float32 and their mask (batch, tokens) bool to the same shape."""
        return ((tokens - self.mean) / self.spread) * mask.unsqueeze(-1)


class TextToLatent(nn.Module):
    """A transformer decoder: one learned query per 2x2 patch of latents, shifted by the noise, attends to the words.

    `enter` and `leave` are what is elsewhere called proj_in and proj_out; the names are those of saved weights.
    """

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
        """Features (batch, tokens, features), mask (batch, tokens) and noise (batch, 32) to (batch, 16, edge, edge)."""
        words = self.enter(self.normalise(tokens, mask))  # (batch, tokens, width)
        hidden = self.queries + self.noise(noise).reshape(len(words), *self.queries.shape)  # (batch, queries, width)
        for layer in self.layers:
            hidden = layer(hidden, words, memory_key_padding_mask=~mask)
        return self.fold(self.leave(hidden).transpose(1, 2).reshape(len(words), -1, self.squares, self.squares))
