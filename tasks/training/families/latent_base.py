"""What training shares between the families that paint in latents: batches, grids, checkpoints, a beginning."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from models import checkpoint
from models.generators.latent import base
from models.generators.latent.autoencoder import Autoencoder
from models.generators.latent.base import LatentConfig, LatentModel
from models.generators.latent.text_to_latent import Normaliser
from models.text_features import Features
from tasks.runfolder.errors import BadInput
from tasks.training.data.feature_cache import Encoder, FeatureCache
from tasks.training.data.picture_cache import Small
from tasks.training.init_from import start_config
from tasks.training.sample_grid import write_grid
from tasks.training.trainer import Family, rows_of

_SHOWN, _JUDGED = 12, 256  # held-out rows in a grid, and those that figures are computed from
Model = TypeVar("Model", bound=LatentModel)


class LatentFamily(Family[Model]):
    """Batches of the data set for a model that paints in latents."""

    def __init__(self, model: Model, small: Small, batch: int, seed: int, device: str) -> None:
        self.model = model.to(device)
        self.small, self.batch, self.seed, self.device = small, batch, seed, device

    def learn(self, step: int) -> tuple[Features, Tensor]:
        return self.small.learn(rows_of(self.small.train, self.batch, step, self.seed, 0), self.device)

    def held_out(self, count: int = _JUDGED) -> tuple[Features, Tensor]:
        """Held-out rows, spread over all of them, the same at every call."""
        test = self.small.test
        return self.small.held_out(test[:: max(1, len(test) // count)][:count].tolist(), self.device)

    @torch.no_grad()
    def sample(self, model: Model, path: Path) -> None:
        """Held-out pictures, what the codec makes of them, and two pictures painted from each one's caption."""
        model.eval()
        words, pictures = self.held_out(_SHOWN)
        source = torch.Generator().manual_seed(0)
        rows = [pictures, model.codec.decode(model.codec.encode(pictures))]
        for _ in range(2):
            noise = torch.randn(len(pictures), *model.noise, generator=source).to(self.device)
            rows.append(model.codec.decode(model.latents(words, noise)))
        write_grid(path, rows)

    def save(self, model: Model, folder: Path, steps: int, card: str) -> None:
        checkpoint.save(folder, self.name, replace(model.config, steps=steps), model, card)

    @torch.no_grad()
    def variety(self, model: Model) -> float:
        """Standard deviation over four noises of what is painted for one text, as a share of the pictures' own."""
        torch.manual_seed(0)
        words, pictures = self.held_out(16)
        made = torch.stack(
            [model.latents(words, torch.randn(len(pictures), *model.noise, device=self.device)) for _ in range(4)]
        )
        return float(made.std(0).mean() / model.codec.encode(pictures).std(0, correction=0).mean().clamp(min=1e-6))


@dataclass(frozen=True)
class Wanted:
    """The model that a job asks for: new, or that of a checkpoint to train on."""

    encoder: Encoder
    reference: str
    width: int
    layers: int
    seed: int
    start: Path | None

    def config(self, size: int) -> LatentConfig:
        """Of a new model for pictures of this size."""
        return LatentConfig(
            self.reference, self.encoder.digest, self.encoder.width, size, width=self.width, layers=self.layers
        )

    def config_like(self, source: LatentConfig) -> LatentConfig:
        """Of a new model that paints for another's codec."""
        return replace(self.config(source.size), codec_width=source.codec_width, codec_depth=source.codec_depth)

    def begun(self, family: str, build: Callable[[LatentConfig], Model]) -> Model | None:
        """The model of the checkpoint, if there is one. Raises BadInput when it is damaged."""
        if self.start is None:
            return None
        try:
            return base.load(self.start, family, build)
        except ValueError as error:
            raise BadInput(f"--from: {error}") from None

    def start_config(self, family: str) -> LatentConfig:
        """The checkpoint's configuration. Raises BadInput unless it is of the family and reads our features."""
        assert self.start is not None
        content = start_config(self.start, family, self.encoder)
        try:
            return checkpoint.fill(LatentConfig, content, self.start)
        except ValueError as error:
            raise BadInput(f"--from: {error}") from None


def load_autoencoder(family: str, folder: Path | None) -> Autoencoder:
    """The trained autoencoder whose codec a new model paints for. Raises BadInput when it is none."""
    if folder is None:
        raise BadInput(f"A {family} paints in the latents of an autoencoder: train one, and give it as --autoencoder.")
    try:
        return base.load(folder, "autoencoder", Autoencoder)
    except ValueError as error:
        raise BadInput(f"--autoencoder: {error}") from None


def normalise(part: nn.Module, features: FeatureCache) -> None:
    """Sets every normaliser of the model from the data set's features."""
    mean, spread = features.statistics()
    for module in part.modules():
        if isinstance(module, Normaliser):
            module.mean.copy_(mean)
            module.spread.copy_(spread)
