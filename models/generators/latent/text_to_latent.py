"""Text features and noise to latents in one forward pass: the autoencoder's text head and the GAN's generator."""

import torch
from torch import Tensor, nn

from models.generators.latent.codec import CHANNELS
from models.generators.latent.things import SQUARE, Retrieved, ThingTokens, beside
from models.text_features import Features

NOISE = 32  # width of the noise vector
HEAD = 32  # width of an attention head


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
    """A transformer decoder: a query per 2x2 patch of latents, shifted by the noise, attends to words and things.

    `enter` and `leave` are what is elsewhere called proj_in and proj_out; the names are those of saved weights.
    """

    def __init__(self, features: int, edge: int, width: int, layers: int, retrieves: bool) -> None:
        super().__init__()
        self.squares = edge // SQUARE
        count = self.squares**2
        self.normalise = Normaliser(features)
        self.enter = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))
        self.things = ThingTokens(edge, width) if retrieves else None
        self.queries = nn.Parameter(torch.randn(count, width) * 0.5)
        self.noise = nn.Linear(NOISE, width)
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                width, width // HEAD, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, CHANNELS * SQUARE * SQUARE))
        self.fold = nn.PixelShuffle(SQUARE)

    def forward(self, texts: Retrieved, noise: Tensor) -> Tensor:
        """What texts ask for and noise (batch, 32) to latents (batch, 16, edge, edge)."""
        read = Features(self.enter(self.normalise(texts.tokens, texts.mask)), texts.mask)  # (batch, tokens, width)
        if self.things is not None and texts.things is not None:
            read = beside(read, self.things(texts.things))
        hidden = self.queries + self.noise(noise)[:, None]  # (batch, queries, width)
        for layer in self.layers:
            hidden = layer(hidden, read.tokens, memory_key_padding_mask=~read.mask)
        return self.fold(self.leave(hidden).transpose(1, 2).reshape(len(noise), -1, self.squares, self.squares))
