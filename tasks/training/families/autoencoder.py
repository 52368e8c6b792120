"""Training the autoencoder: its codec on pictures, its text head on captions and the pictures' latents."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from models.generators.latent.autoencoder import Autoencoder, nearest_loss
from tasks.training.families.latent_base import LatentFamily, normalise
from tasks.training.family import OptimizerGroup
from tasks.training.options import AutoencoderOptions

_FITTED_ON = 4096  # pictures that the codec's encoder is computed from


class AutoencoderFamily(LatentFamily[Autoencoder, AutoencoderOptions]):
    """Reconstruction of some of a batch's pictures, and the text head's distance from all their latents."""

    name = "autoencoder"
    loss_weights: ClassVar[dict[str, float]] = {"picture": 10.0}

    def new_size(self) -> int:
        return self.options.size

    def build(self) -> None:
        torch.manual_seed(self.options.seed)
        model = self.start_model(Autoencoder)
        if model is None:
            model, data = Autoencoder(self.new_config()), self.dataset
            chosen = data.train[torch.randperm(len(data.train))[:_FITTED_ON]]
            model.codec.fit(data.pictures[data.shown[chosen]].float() / 255)
            normalise(model.head, data.words)
        self.place_data(model.codec)
        self.model = model.to(self.device)
        self.optimizer_groups = [OptimizerGroup([model.codec, model.head])]

    def losses(self, group: int, step: int) -> dict[str, Tensor]:
        texts, pictures = self.training_batch(step)
        return {
            "picture": self.model.reconstruction_loss(pictures[: self.options.pictures]),
            "text": self.model.head_loss(texts, pictures),
        }

    @torch.no_grad()
    def evaluate(self, model: Autoencoder) -> dict[str, float]:
        model.eval()
        texts, pictures = self.held_out()
        made = model.codec.decode(model.codec.encode(pictures)).clamp(0, 1)
        torch.manual_seed(0)
        return {
            "reconstruction, dB": -10 * math.log10(float((made - pictures).square().mean())),
            "text to latent, error": float(nearest_loss(model.head, texts, model.codec.encode(pictures))),
            "variety over seeds": self.variety(model),
        }
