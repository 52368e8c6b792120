"""Training the GAN: in each step the discriminator learns, then the generator."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from models.generators.latent import gan
from models.generators.latent.autoencoder import nearest_loss
from models.generators.latent.gan import AdversarialGan
from tasks.runfolder.errors import BadInput
from tasks.training.families.latent_base import CodecFamily, normalise
from tasks.training.family import OptimizerGroup
from tasks.training.options import GanOptions

_DISCRIMINATOR = 0


class GanFamily(CodecFamily[AdversarialGan, GanOptions]):
    """Two optimisers that see the same words and pictures.

    Beside the discriminator's verdict the generator keeps a pull towards the nearest real picture (`near`): alone, so
    small a discriminator forgets what few pictures show.
    """

    name = "gan"
    loss_weights: ClassVar[dict[str, float]] = {"penalty": 0.5, "near": 4.0}

    def build(self) -> None:
        torch.manual_seed(self.options.seed)
        model = self._new_model() if self.start is None else self._start_model(self.start)
        self.place_data(model.codec)
        self.model = model.to(self.device)
        self.optimizer_groups = [
            OptimizerGroup([self.model.discriminator], betas=(0.0, 0.98), weight_decay=0.0),
            OptimizerGroup([self.model.generator], betas=(0.0, 0.98), weight_decay=0.0, lr_scale=0.5),
        ]

    def _new_model(self) -> AdversarialGan:
        """A GAN whose generator begins as the autoencoder's text head where that has the same sizes.

        So it knows what to paint, and learns from the discriminator to paint it sharply.
        """
        source = self.autoencoder
        model = AdversarialGan(self.new_config())
        normalise(model, self.dataset.words)
        model.codec.load_state_dict(source.codec.state_dict())
        theirs, ours = source.head.state_dict(), model.generator.state_dict()
        if source.config.encoder_digest == self.encoder.digest and _shapes(theirs) == _shapes(ours):
            model.generator.load_state_dict(theirs)
        return model

    def _start_model(self, start: Path) -> AdversarialGan:
        try:
            return gan.load(start)
        except ValueError as error:
            raise BadInput(f"--from: {error}") from None

    def save(self, model: AdversarialGan, folder: Path, steps: int, figures: dict[str, float]) -> None:
        gan.save(folder, model, replace(model.config, steps=steps), self.card(steps, figures))

    def _suits_bf16(self) -> bool:
        return False  # the gradient penalty is a second derivative, which bfloat16 is too coarse for

    def losses(self, group: int, step: int) -> dict[str, Tensor]:
        texts, pictures = self.training_batch(step)
        with torch.no_grad():
            wanted = self.model.codec.encode(pictures)
        if group == _DISCRIMINATOR:
            return self.model.discriminator_losses(texts, wanted)
        return {
            "generator": self.model.generator_loss(texts, len(wanted)),
            "near": nearest_loss(self.model.generator, texts, wanted),
        }

    @torch.no_grad()
    def evaluate(self, model: AdversarialGan) -> dict[str, float]:
        model.eval()
        texts, pictures = self.held_out()
        wanted = model.codec.encode(pictures)
        torch.manual_seed(0)
        made = model.latents(texts, torch.randn(len(wanted), *model.noise, device=self.device))
        sentence = model.discriminator.sentence(texts)
        real, wrong, fake = (
            model.discriminator(shown, read)
            for shown, read in ((wanted, sentence), (wanted, sentence.roll(1, 0)), (made, sentence))
        )
        return {
            "discriminator: real above painted": float((real > fake).float().mean()),
            "discriminator: right text above wrong": float((real > wrong).float().mean()),
            "text to latent, error": float(nearest_loss(model.generator, texts, wanted)),
            "variety over seeds": self.variety(model),
        }


def _shapes(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}
