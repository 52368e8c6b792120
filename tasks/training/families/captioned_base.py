"""What trainings on captions share: the data set, the text encoder, its features, and the model card."""

from pathlib import Path
from typing import TypeVar

from torch import nn

from models.device import multiplies_bfloat16
from models.text.text_encoder import load_text_encoder
from tasks.loading.models import resolve, usable
from tasks.training.data.captioned import CaptionedDataset, read_captioned
from tasks.training.data.feature_cache import Encoder, FeatureCache, cached_features
from tasks.training.family import Count, Family, Schedule
from tasks.training.model_card import model_card
from tasks.training.options import CaptionOptions

Model = TypeVar("Model", bound=nn.Module)
Options = TypeVar("Options", bound=CaptionOptions)


class CaptionFamily(Family[Model, Options]):
    """A family that learns from captioned pictures.

    Args:
        encoder: the text encoder; by default the one that the options name.
    """

    device = "cpu"

    def __init__(self, options: Options, encoder: Encoder | None = None) -> None:
        super().__init__(options)
        self._encoder = encoder
        self.source = ""
        self.data: CaptionedDataset

    @property
    def encoder(self) -> Encoder:
        if self._encoder is None:
            self._encoder = usable(lambda: load_text_encoder(resolve(self.options.encoder)))
        return self._encoder

    def load(self, source: str) -> None:
        self.source = source
        self.data = read_captioned(source)
        self.pictures, self.refused = len(self.data.rows), self.data.refused
        _ = self.encoder  # before the output folder is touched

    def data_digest(self) -> str:
        return self.data.digest()

    def captions(self) -> list[str]:
        return [row["caption"] for row in self.data.rows]

    def features(self, cache: Path, captions: list[str], count: Count) -> FeatureCache:
        """The encoder's features of each caption, made once and kept in `cache`."""
        with count("encoding captions", "captions", len(captions)) as done:
            return cached_features(cache, captions, self.encoder, done)

    def schedule(self) -> Schedule:
        o = self.options
        bf16 = o.precision == "bf16" or (o.precision == "auto" and self._suits_bf16())
        return Schedule(o.steps, o.rate, o.seed, o.average, bf16)

    def _suits_bf16(self) -> bool:
        return multiplies_bfloat16(self.device)

    def card(self, steps: int, figures: dict[str, float]) -> str:
        """The model card, with the command that made the model."""
        options = self.options.model_dump(exclude_defaults=True, include=self._own_options(), mode="json")
        named = {"from" if name == "start" else name: value for name, value in options.items()}
        given = [f"--{name}" if value is True else f"--{name} {Path(str(value)).name}" for name, value in named.items()]
        data_set = self.source.rstrip("/").rpartition("/")[2]
        command = " ".join(["imagemill train", self.name, data_set, *given])
        return model_card(self.name, command, steps, self.data, self.options.encoder, figures)

    def _own_options(self) -> set[str]:
        """Fields of the options, without those that say where this training reads and writes."""
        return set(type(self.options).model_fields) - {"dataset", "out", "every", "cache"}
