"""`family: "autoencoder"`: an image autoencoder, and a text head that predicts its latents from text features.

The text head is trained by implicit maximum likelihood (Li 2018): of a few noise vectors, only the one whose latents
come nearest the target is trained on, so that different seeds give different images rather than the mean of all.
"""

import torch
from torch import Tensor

from models.generators.latent.base import LatentConfig, LatentModel
from models.generators.latent.codec import PATCH, sharpness_loss
from models.generators.latent.text_to_latent import NOISE, TextToLatent
from models.generators.latent.things import Retrieved

TRIES = 3  # noise vectors that are tried for each training image


class Autoencoder(LatentModel):
    """A codec, and a text head that predicts its latents."""

    def __init__(self, config: LatentConfig) -> None:
        super().__init__(config, noise=(NOISE,))
        self.head = TextToLatent(config.features, config.size // PATCH, config.width, config.layers, config.retrieves)

    def latents(self, texts: Retrieved, noise: Tensor) -> Tensor:
        """One prediction per text: noise (batch, NOISE) to latents (batch, 16, edge, edge)."""
        return self.head(texts, noise)

    def reconstruction_loss(self, pictures: Tensor) -> Tensor:
        """Sharpness loss of reconstructed images (batch, 3, height, width) in [0, 1]."""
        return sharpness_loss(self.codec.decode(self.codec.encode(pictures)), pictures)

    def head_loss(self, texts: Retrieved, pictures: Tensor) -> Tensor:
        """Nearest-of-TRIES loss of the text head against the latents of images (batch, 3, height, width) in [0, 1]."""
        return nearest_loss(self.head, texts, self.codec.encode(pictures))


def nearest_loss(network: TextToLatent, texts: Retrieved, wanted: Tensor) -> Tensor:
    """Mean squared error against latents (batch, 16, edge, edge) of the nearest of TRIES predictions of each row."""
    noises = torch.randn(TRIES, len(wanted), NOISE, device=wanted.device)
    with torch.no_grad():
        far = [(network(texts, noise) - wanted).square().mean((1, 2, 3)) for noise in noises]
        best = torch.stack(far).argmin(0)
    noise = noises[best, torch.arange(len(wanted), device=wanted.device)]
    return (network(texts, noise).float() - wanted).square().mean()
