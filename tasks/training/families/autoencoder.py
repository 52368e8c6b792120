"""Training the autoencoder: its codec on pictures, its text head on captions and the pictures' latents."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from models.generators.latent.autoencoder import Autoencoder, nearest_loss
from tasks.training.data.picture_cache import Small
from tasks.training.families.latent_base import LatentFamily, Wanted, normalise
from tasks.training.trainer import Turn

_FITTED_ON = 4096  # pictures that the codec's encoder is computed from


class AutoencoderFamily(LatentFamily[Autoencoder]):
    """One turn: reconstruction of some of a batch's pictures, and the text head's distance from all their latents."""

    name = "autoencoder"
    weights: ClassVar[dict[str, float]] = {"picture": 10.0}

    def __init__(self, model: Autoencoder, small: Small, batch: int, seed: int, device: str, decoded: int) -> None:
        super().__init__(model, small, batch, seed, device)
        self.decoded = decoded
        self.turns = [Turn([model.codec, model.head])]

    def losses(self, turn: int, step: int) -> dict[str, Tensor]:
        words, pictures = self.learn(step)
        return {
            "picture": self.model.reconstruction_loss(pictures[: self.decoded]),
            "text": self.model.head_loss(words, pictures),
        }

    @torch.no_grad()
    def figures(self, model: Autoencoder) -> dict[str, float]:
        model.eval()
        words, pictures = self.held_out()
        made = model.codec.decode(model.codec.encode(pictures)).clamp(0, 1)
        torch.manual_seed(0)
        return {
            "reconstruction, dB": -10 * math.log10(float((made - pictures).square().mean())),
            "text to latent, error": float(nearest_loss(model.head, words, model.codec.encode(pictures))),
            "variety over seeds": self.variety(model),
        }


def build(wanted: Wanted, small: Small, batch: int, device: str, decoded: int) -> AutoencoderFamily:
    """A new autoencoder that fits the data set, or the one of a checkpoint, with what it is trained on."""
    torch.manual_seed(wanted.seed)
    model = wanted.begun("autoencoder", Autoencoder)
    if model is None:
        model = Autoencoder(wanted.config(small.pictures.shape[-1]))
        chosen = small.train[torch.randperm(len(small.train))[:_FITTED_ON]]
        model.codec.fit(small.pictures[chosen].float() / 255)
        normalise(model.head, small.wordings[0])
    return AutoencoderFamily(model, small, batch, wanted.seed, device, decoded)
