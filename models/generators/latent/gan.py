"""`family: "gan"`: generator and discriminator, both conditioned on the language model's features.

Both work in the latents of a trained autoencoder, which saves the pixels' cost. The discriminator is matching-aware
(Reed 2016): a real picture with another picture's text is a negative too. Hinge loss, and a gradient penalty on real
matching pairs (DF-GAN, Tao 2022) that keeps the discriminator smooth around the data. In training its inputs carry
instance noise (Sønderby 2017): else it tells early outputs from data by their high frequencies, and its gradients are
of no use.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import checkpoint
from models.generators.latent.base import LatentConfig, LatentModel
from models.generators.latent.base import load as load_latent
from models.generators.latent.codec import CHANNELS, PATCH
from models.generators.latent.text_to_latent import NOISE, Normaliser, TextToLatent
from models.generators.latent.things import Retrieved
from models.text_features import Features

_INSTANCE_NOISE = 0.5  # its standard deviation; latents have 1


class _Down(nn.Module):
    """A residual block (batch, inputs, h, w) to (batch, outputs, h, w), or half the edge."""

    def __init__(self, inputs: int, outputs: int, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:  # (batch, inputs, h, w) to (batch, outputs, h, w), or half of each edge
        made = self.skip(x) + self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.2)), 0.2))
        return F.avg_pool2d(made, 2) if self.halve else made


class Discriminator(nn.Module):
    """Scores how real latents look and how well they match a text."""

    def __init__(self, features: int, width: int = 96) -> None:
        super().__init__()
        self.normalise = Normaliser(features)
        self.look = nn.Sequential(
            nn.Conv2d(CHANNELS, width, 3, padding=1),
            _Down(width, width, halve=False),
            _Down(width, 2 * width, halve=True),
            _Down(2 * width, 2 * width, halve=False),
        )
        self.read = nn.Sequential(nn.Linear(features, 2 * width), nn.LeakyReLU(0.2), nn.Linear(2 * width, 2 * width))
        self.judge = nn.Sequential(_Down(4 * width, 2 * width, halve=True), nn.LeakyReLU(0.2))
        self.score = nn.Linear(2 * width, 1)

    def sentence(self, words: Features) -> Tensor:
        """The mean of each text's normalised features, (batch, features)."""
        return Features(self.normalise(words.tokens, words.mask), words.mask).pooled

    def forward(self, latents: Tensor, sentence: Tensor) -> Tensor:
        """Latents (batch, 16, edge, edge) and sentence vectors (batch, features) to scores (batch,)."""
        noise = _INSTANCE_NOISE * torch.randn_like(latents) if self.training else 0.0
        seen = self.look(latents + noise)
        read = self.read(sentence)[:, :, None, None].expand(-1, -1, *seen.shape[2:])
        return self.score(self.judge(torch.cat([seen, read], 1)).mean((2, 3))).squeeze(1)


class Gan(LatentModel):
    """The generator; the codec is the autoencoder's and stays as it is."""

    def __init__(self, config: LatentConfig) -> None:
        super().__init__(config, noise=(NOISE,))
        self.codec.requires_grad_(False)
        self.generator = TextToLatent(
            config.features, config.size // PATCH, config.width, config.layers, config.retrieves
        )

    def latents(self, texts: Retrieved, noise: Tensor) -> Tensor:
        """One sample per text: noise (batch, NOISE) to latents (batch, 16, edge, edge)."""
        return self.generator(texts, noise)


class AdversarialGan(Gan):
    """The generator with the discriminator that it is trained against, which a checkpoint keeps in a folder beside."""

    def __init__(self, config: LatentConfig) -> None:
        super().__init__(config)
        self.discriminator = Discriminator(config.features)

    def discriminator_losses(self, texts: Retrieved, wanted: Tensor) -> dict[str, Tensor]:
        """Hinge losses of real, wrongly captioned and generated latents, and the gradient penalty.

        `wanted` are latents (batch, 16, edge, edge) of images that the texts describe.
        """
        noise = torch.randn(len(wanted), NOISE, device=wanted.device)
        with torch.no_grad():
            made = self.latents(texts, noise)
        sentence = self.discriminator.sentence(texts)
        others = sentence.roll(1, 0)
        alike = (sentence - others).abs().amax(1) < 1e-3  # a neighbour with the same caption is no negative
        mismatch = F.relu(1 + self.discriminator(wanted, others)) * ~alike
        real, read = wanted.detach().requires_grad_(), sentence.detach().requires_grad_()
        score = self.discriminator(real, read)
        slopes = torch.autograd.grad(score.sum(), (real, read), create_graph=True)
        slope = torch.cat([s.float().flatten(1) for s in slopes], 1).square().sum(1)
        return {
            "real": F.relu(1 - score).mean(),
            "mismatch": mismatch.mean() / 2,
            "fake": F.relu(1 + self.discriminator(made, sentence)).mean() / 2,
            "penalty": slope.mean(),
        }

    def generator_loss(self, texts: Retrieved, amount: int) -> Tensor:
        """Scalar hinge loss of the generator on `amount` texts: minus the discriminator's mean score of its samples."""
        made = self.latents(texts, torch.randn(amount, NOISE, device=texts.tokens.device))
        return -self.discriminator(made, self.discriminator.sentence(texts)).mean()


def save(folder: Path, model: AdversarialGan, config: LatentConfig, card: str) -> None:
    """Writes a checkpoint folder, config.json last. Raises NotFinite, and writes nothing, if weights are not finite."""
    state = model.state_dict()
    painter = Gan(config)
    painter.load_state_dict({name: state[name] for name in painter.state_dict()})
    checkpoint.check_finite({name: tensor.half() for name, tensor in painter.state_dict().items()})
    checkpoint.save(
        folder / "discriminator", "discriminator", config, model.discriminator, "For --from alone; see ../README.md.\n"
    )
    checkpoint.save(folder, "gan", config, painter, card)


def load(folder: Path) -> AdversarialGan:
    """Loads a checkpoint with its discriminator. Raises ValueError with one sentence if one of them is damaged."""
    painter = load_latent(folder, "gan", Gan)
    model = AdversarialGan(painter.config)
    model.load_state_dict(painter.state_dict(), strict=False)
    checkpoint.load_weights(folder / "discriminator", model.discriminator)
    return model
