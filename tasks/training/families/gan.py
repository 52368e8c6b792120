"""Training the GAN: the discriminator's turn, then the generator's."""

from typing import ClassVar

import torch
from torch import Tensor

from models.generators.latent.autoencoder import Autoencoder, nearest_loss
from models.generators.latent.gan import Gan
from tasks.training.data.picture_cache import Small
from tasks.training.families.latent_base import LatentFamily, Wanted, normalise
from tasks.training.trainer import Turn


class GanFamily(LatentFamily[Gan]):
    """Two turns on the same words and pictures.

    Beside the discriminator's verdict the generator keeps a pull towards the nearest real picture (`near`): alone, so
    small a discriminator forgets what few pictures show.
    """

    name = "gan"
    weights: ClassVar[dict[str, float]] = {"penalty": 0.5, "near": 4.0}

    def __init__(self, model: Gan, small: Small, batch: int, seed: int, device: str) -> None:
        super().__init__(model, small, batch, seed, device)
        self.turns = [
            Turn([model.discriminator], betas=(0.0, 0.98), decay=0.0),
            Turn([model.generator], betas=(0.0, 0.98), decay=0.0, pace=0.5),
        ]

    def losses(self, turn: int, step: int) -> dict[str, Tensor]:
        words, pictures = self.learn(step)
        with torch.no_grad():
            wanted = self.model.codec.encode(pictures)
        if turn == 0:
            return self.model.discriminator_losses(words, wanted)
        return {
            "generator": self.model.generator_loss(words, len(wanted)),
            "near": nearest_loss(self.model.generator, words, wanted),
        }

    @torch.no_grad()
    def figures(self, model: Gan) -> dict[str, float]:
        model.eval()
        words, pictures = self.held_out()
        wanted = model.codec.encode(pictures)
        torch.manual_seed(0)
        made = model.latents(words, torch.randn(len(wanted), *model.noise, device=self.device))
        sentence = model.discriminator.sentence(words)
        real, wrong, fake = (
            model.discriminator(shown, read)
            for shown, read in ((wanted, sentence), (wanted, sentence.roll(1, 0)), (made, sentence))
        )
        return {
            "discriminator: real above painted": float((real > fake).float().mean()),
            "discriminator: right text above wrong": float((real > wrong).float().mean()),
            "text to latent, error": float(nearest_loss(model.generator, words, wanted)),
            "variety over seeds": self.variety(model),
        }


def build(wanted: Wanted, small: Small, batch: int, device: str, source: Autoencoder | None) -> GanFamily:
    """A new GAN for an autoencoder's codec, or the one of a checkpoint, with what it is trained on.

    A new generator begins as the autoencoder's text head where that has the same sizes: it knows what to paint, and
    learns from the discriminator to paint it sharply.
    """
    torch.manual_seed(wanted.seed)
    model = wanted.begun("gan", Gan)
    if model is None:
        assert source is not None
        model = Gan(wanted.config_like(source.config))
        normalise(model, small.wordings[0])
        model.codec.load_state_dict(source.codec.state_dict())
        theirs, ours = source.head.state_dict(), model.generator.state_dict()
        if source.config.encoder_digest == wanted.encoder.digest and _shapes(theirs) == _shapes(ours):
            model.generator.load_state_dict(theirs)
    return GanFamily(model, small, batch, wanted.seed, device)


def _shapes(state: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}
