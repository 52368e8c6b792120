"""What training shares between the families that generate latents: data, batches, grids, checkpoints, a beginning."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from models import checkpoint
from models.generators.latent import base
from models.generators.latent.autoencoder import Autoencoder
from models.generators.latent.base import LatentConfig, LatentModel
from models.generators.latent.codec import Codec
from models.generators.latent.text_to_latent import Normaliser
from models.generators.latent.things import SMALLEST, Memory, Retrieved
from models.weight_files import DEFAULT
from tasks.loading.models import resolve
from tasks.runfolder.errors import BadInput
from tasks.training.data.augment import Augmentation, reworded
from tasks.training.data.batch_order import rows_of_step
from tasks.training.data.feature_cache import FeatureCache
from tasks.training.data.picture_cache import PictureDataset, cached_pictures, mirrored, split
from tasks.training.data.retrieved import RetrievedThings
from tasks.training.families.captioned_base import CaptionFamily
from tasks.training.family import Count
from tasks.training.init_from import start_config
from tasks.training.options import CodecOptions, LatentOptions
from tasks.training.sample_grid import write_grid

_RETRIEVES = (
    "What things look like is retrieved: the embedded default's reader finds up to four that a text names, and their "
    "colours, and the networks look at the default's drawings of them (`models/generators/latent/things.py`). So it "
    "runs with the version of the default that is in the same package.\n"
)
_SHOWN, _EVALUATED = 12, 256  # held-out rows in a grid, and those that figures are computed from
Model = TypeVar("Model", bound=LatentModel)
Options = TypeVar("Options", bound=LatentOptions)


class LatentFamily(CaptionFamily[Model, Options]):
    """A family that generates latents, which a codec decodes."""

    dataset: PictureDataset
    start: Path | None = None  # the checkpoint to begin with
    size: int  # edge of the pictures in pixels
    retrieves: bool  # whether networks look at things of the embedded default's memory

    @property
    def device(self) -> str:  # type: ignore[override]
        return self.options.device

    def load(self, source: str) -> None:
        super().load(source)
        if self.options.start is not None:
            self.start = Path(resolve(self.options.start))
            config = self._check_start(self.start_config())
            self.size, self.retrieves = config.size, config.retrieves
        else:
            self.size = self.new_size()
            self.retrieves = self._new_retrieves()

    def _new_retrieves(self) -> bool:
        """Whether a new model retrieves: as the options say, else where it can."""
        wanted = self.options.retrieve
        if self.encoder.digest != checkpoint.read_config(DEFAULT)["encoder_digest"]:
            why_not = f"the embedded default, which finds the things, reads no features of {self.encoder.name}"
        elif self.size % SMALLEST:
            why_not = f"pictures need a multiple of {SMALLEST} pixels a side for it, not {self.size}"
        else:
            return wanted is not False
        if wanted:
            raise BadInput(f"--retrieve: {why_not}; leave it out.")
        return False

    @abstractmethod
    def new_size(self) -> int:
        """Edge in pixels of the pictures of a new model."""

    def _check_start(self, config: LatentConfig) -> LatentConfig:
        o = self.options
        for name in o.model_fields_set & {"width", "layers", "size"}:
            if getattr(o, name) != getattr(config, name):
                raise BadInput(f"--{name}: {o.start} has {getattr(config, name)}, and --from keeps it; leave it out.")
        return config

    def encode(self, cache: Path, count: Count) -> None:
        o, captions = self.options, self.captions()
        wordings = [reworded(c, number) for number in range(o.wordings) for c in captions]
        words = self.features(cache, captions + wordings, count)
        things = None
        if self.retrieves:
            with count("finding things that captions name", "captions", len(words)) as done:
                things = RetrievedThings(Memory(), words, done)
        with count("reading pictures", "pictures", len(captions)) as done:
            pictures, shown, broken = cached_pictures(cache, self.data, self.size, done)
        train, test, undecodable = split(self.data, broken)
        self.refused = [*self.data.refused, *undecodable]
        if things is not None:
            train = train[~things.misread(self.data.rows)[train]]
        varied = Augmentation(o.mirror, o.crop, o.colour, o.drop)
        self.dataset = PictureDataset(pictures, shown, words, things, train, test, mirrored(self.data), varied)

    def place_data(self, codec: Codec) -> None:
        """Makes the things' sheets, and puts all data where batches are made: on a GPU if there is one."""
        if self.dataset.things is not None:
            self.dataset.things.encode(codec, self.size, self.device)
        self.dataset.to(self.device)

    def training_batch(self, step: int) -> tuple[Retrieved, Tensor]:
        """What a step's captions ask for and pictures (n, 3, size, size) in [0, 1] to learn from, both varied."""
        rows = rows_of_step(self.dataset.train, self.options.batch, step, self.options.seed, 0)
        return self.dataset.training_batch(rows)

    def held_out(self, count: int = _EVALUATED) -> tuple[Retrieved, Tensor]:
        """Held-out rows, spread over all of them, the same at every call."""
        test = self.dataset.test
        return self.dataset.batch(test[:: max(1, len(test) // count)][:count].tolist())

    @torch.no_grad()
    def sample(self, model: Model, path: Path) -> None:
        """Held-out pictures, what the codec makes of them, and two pictures generated from each one's caption."""
        model.eval()
        texts, pictures = self.held_out(_SHOWN)
        source = torch.Generator().manual_seed(0)
        rows = [pictures, model.codec.decode(model.codec.encode(pictures))]
        for _ in range(2):
            noise = torch.randn(len(pictures), *model.noise, generator=source).to(self.device)
            rows.append(model.codec.decode(model.latents(texts, noise)))
        write_grid(path, rows)

    def save(self, model: Model, folder: Path, steps: int, figures: dict[str, float]) -> None:
        config = replace(model.config, steps=steps)
        checkpoint.save(folder, self.name, config, model, self.card(steps, figures))

    def card(self, steps: int, figures: dict[str, float]) -> str:
        text = super().card(steps, figures)
        return text + "\n" + _RETRIEVES if self.retrieves else text

    @torch.no_grad()
    def variety(self, model: Model) -> float:
        """Standard deviation over four noises of the latents of one text, as a share of the pictures' own."""
        torch.manual_seed(0)
        texts, pictures = self.held_out(16)
        made = torch.stack(
            [model.latents(texts, torch.randn(len(pictures), *model.noise, device=self.device)) for _ in range(4)]
        )
        return float(made.std(0).mean() / model.codec.encode(pictures).std(0, correction=0).mean().clamp(min=1e-6))

    def new_config(self) -> LatentConfig:
        """Of a new model."""
        o = self.options
        return LatentConfig(
            o.encoder,
            self.encoder.digest,
            self.encoder.width,
            self.size,
            width=o.width,
            layers=o.layers,
            retrieves=self.retrieves,
        )

    def start_config(self) -> LatentConfig:
        """Of the checkpoint to begin with. Raises BadInput unless it is of the family and reads our features."""
        assert self.start is not None
        content = start_config(self.start, self.name, self.encoder)
        try:
            return base.config_of(content, self.start)
        except ValueError as error:
            raise BadInput(f"--from: {error}") from None

    def start_model(self, build: Callable[[LatentConfig], Model]) -> Model | None:
        """The model of the checkpoint to begin with, if there is one. Raises BadInput when it is damaged."""
        if self.start is None:
            return None
        try:
            return base.load(self.start, self.name, build)
        except ValueError as error:
            raise BadInput(f"--from: {error}") from None


class CodecFamily(LatentFamily[Model, Options]):
    """A family that generates latents for the codec of a trained autoencoder."""

    autoencoder: Autoencoder  # whose codec a new model gets

    def new_size(self) -> int:
        assert isinstance(self.options, CodecOptions)
        if self.options.autoencoder is None:
            raise BadInput(
                f"A {self.name} paints in the latents of an autoencoder: train one, and give it as --autoencoder."
            )
        try:
            self.autoencoder = base.load(Path(resolve(self.options.autoencoder)), "autoencoder", Autoencoder)
        except ValueError as error:
            raise BadInput(f"--autoencoder: {error}") from None
        return self.autoencoder.config.size

    def new_config(self) -> LatentConfig:
        source = self.autoencoder.config
        return replace(super().new_config(), codec_width=source.codec_width, codec_depth=source.codec_depth)


def normalise(part: nn.Module, features: FeatureCache) -> None:
    """Sets every normaliser of the model from the data set's features."""
    mean, spread = features.statistics()
    for module in part.modules():
        if isinstance(module, Normaliser):
            module.mean.copy_(mean)
            module.spread.copy_(spread)
