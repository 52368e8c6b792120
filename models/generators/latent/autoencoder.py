"""`family: "autoencoder"`: pictures to latents to pictures; a picture from text is text features to latents to decoder.

The text head is a regression with noise (implicit maximum likelihood, Li 2018): of a few noises it learns from the one
whose picture comes nearest, so that different seeds may paint different pictures instead of the mean of all.
"""

import torch
from torch import Tensor

from models.generators.latent.base import LatentConfig, LatentModel
from models.generators.latent.codec import PATCH, sharpness_loss
from models.generators.latent.text_to_latent import NOISE, Painter
from models.text_features import Features

TRIES = 3  # noises that the text head tries for a picture


class Autoencoder(LatentModel):
    """A codec, and a text head that paints in its latents."""

    def __init__(self, config: LatentConfig) -> None:
        super().__init__(config, noise=(NOISE,))
        self.head = Painter(config.features, config.size // PATCH, config.width, config.layers)

    def latents(self, words: Features, noise: Tensor) -> Tensor:
        return self.head(words.tokens, words.mask, noise)

    def reconstruction_loss(self, pictures: Tensor) -> Tensor:
        return sharpness_loss(self.codec.decode(self.codec.encode(pictures)), pictures)

    def head_loss(self, words: Features, pictures: Tensor) -> Tensor:
        """How far the nearest of a few tries is from the pictures' latents."""
        return nearest_loss(self.head, words, self.codec.encode(pictures))


def nearest_loss(painter: Painter, words: Features, wanted: Tensor) -> Tensor:
    """Mean squared distance to the wanted latents (n, 16, edge, edge) of the nearest of TRIES paintings of each row."""
    noises = torch.randn(TRIES, len(wanted), NOISE, device=wanted.device)
    with torch.no_grad():
        far = [(painter(words.tokens, words.mask, noise) - wanted).square().mean((1, 2, 3)) for noise in noises]
        best = torch.stack(far).argmin(0)
    noise = noises[best, torch.arange(len(wanted), device=wanted.device)]
    return (painter(words.tokens, words.mask, noise).float() - wanted).square().mean()
