"""What the families that generate latents share: `autoencoder`, `gan` and `flow`.

A row's features, the things that they name (things.py) and noise become latents, and the codec decodes them. Networks
run on batches of a fixed size and at token lengths that depend on the row alone, so a row's image is the same to the
byte whatever rows are in the batch.
"""

import functools
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import checkpoint
from models.fixed_batches import chunks
from models.generators.common import check_request, check_size, to_unit_range
from models.generators.latent.codec import Codec
from models.generators.latent.things import Looks, Memory, Retrieved
from models.protocols import Generator
from models.reference import Reference
from models.text_features import Features, alike, pad
from models.weight_files import DEFAULT

CHUNK = 16  # rows in one forward pass
LONGEST = 64  # tokens of a text that are read, in training too


@dataclass(frozen=True)
class LatentConfig:
    """Configuration of a latent family in config.json: all that is needed to build the model without weights."""

    encoder: str  # reference of the text encoder
    encoder_digest: str
    features: int  # width of its features
    size: int = 128  # edge of images in pixels
    codec_width: int = 64  # channels of the codec's decoder where it is widest
    codec_depth: int = 2  # residual blocks of the decoder at the latents' resolution
    width: int = 256  # of the network that turns text into latents
    layers: int = 4  # of that network
    retrieves: bool = False  # whether it looks at the things that a text names, as the embedded default remembers them
    steps: int = 0  # training steps taken


class LatentModel(nn.Module, ABC):
    """One family's networks; `noise` is the shape of a row's noise, without the batch's dimension."""

    def __init__(self, config: LatentConfig, noise: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.noise = noise
        self.codec = Codec(config.codec_width, config.codec_depth)

    @abstractmethod
    def latents(self, texts: Retrieved, noise: Tensor) -> Tensor:
        """What a batch of texts asks for and noise (batch, *noise) to latents (batch, 16, edge, edge)."""


Model = TypeVar("Model", bound=LatentModel)


def config_of(content: dict[str, Any], folder: Path) -> LatentConfig:
    """The configuration from config.json's content. Raises ValueError with one sentence if it cannot be used."""
    if "retrieves" not in content:
        raise ValueError(f"{folder} was trained by an earlier version, whose networks were others; train it again.")
    return checkpoint.fill(LatentConfig, content, folder)


def load(folder: Path, family: str, build: Callable[[LatentConfig], Model]) -> Model:
    """Loads a checkpoint folder. Raises ValueError with one sentence if it is of another family or damaged."""
    content = checkpoint.read_config(folder)
    if content["family"] != family:
        raise ValueError(
            f"{folder} holds a model of the family {content['family']!r}, but one of {family!r} is wanted."
        )
    model = build(config_of(content, folder))
    checkpoint.load_weights(folder, model)
    return model


class LatentGenerator(Generator):
    """A trained model of a latent family as a generator."""

    def __init__(self, model: LatentModel, name: str, digest: str, device: str) -> None:
        self.model = model.eval()
        self.name = name
        self.digest = digest
        self.encoder: str | None = model.config.encoder
        self.size = model.config.size
        self._device = device
        if model.config.retrieves:
            self.digest = hashlib.sha256(f"{digest}:{checkpoint.digest(DEFAULT)}".encode()).hexdigest()

    @torch.inference_mode(False)  # or its weights could not be moved again
    def ready(self) -> None:
        self.model.to(self._device)  # not before: a run may be planned on a machine without the device

    def check_size(self, width: int, height: int) -> None:
        check_size(width, height)

    @torch.inference_mode()
    def generate(
        self,
        features: Sequence[Tensor],
        seeds: Sequence[int],
        width: int,
        height: int,
        steps: int | None = None,
        guidance: Sequence[float | None] = (),
        references: Sequence[Sequence[Reference]] = (),
    ) -> Tensor:
        """Images (rows, 3, height, width), float32 in [0, 1], on the CPU; see models/protocols.py.

        The model's square image is scaled until it covers the size, and cropped around the middle.
        """
        self.ready()
        config = self.model.config
        check_request(features, seeds, width, height, config.features, config.encoder)
        pictures = torch.empty(len(features), 3, height, width, device="cpu")
        for rows in alike(features, LONGEST):
            for chunk in chunks(rows, CHUNK):
                texts = self._retrieved(pad([features[i][:LONGEST] for i in chunk]))
                noise = torch.stack([_noise(seeds[i], self.model.noise) for i in chunk])
                latents = self.model.latents(texts, noise.to(self._device))
                for i, picture in zip(chunk, to_unit_range(self.model.codec.decode(latents)).cpu(), strict=True):
                    pictures[i] = _cover(picture, width, height)
        return pictures

    @functools.cached_property
    def _memory(self) -> Memory:
        return Memory()

    @functools.cached_property
    def _looks(self) -> Looks:
        return Looks(self._memory, self.model.codec, self.size)

    def _retrieved(self, words: Features) -> Retrieved:
        """The texts' features, and the things that they name, on the device."""
        things = self._looks.of(self._memory.named(words)) if self.model.config.retrieves else None
        return Retrieved(words.tokens, words.mask, things).to(self._device)


def _noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    source = torch.Generator("cpu").manual_seed(int(seed) & 0x7FFFFFFFFFFFFFFF)
    return torch.randn(shape, generator=source, device="cpu")


def _cover(picture: Tensor, width: int, height: int) -> Tensor:
    """An image (3, edge, edge) scaled to cover (height, width) and cropped around the middle."""
    edge = picture.shape[-1]
    if (width, height) == (edge, edge):
        return picture
    large = max(width, height)
    scaled = F.interpolate(picture[None], (large, large), mode="bicubic", align_corners=False, antialias=True)[0]
    top, left = (large - height) // 2, (large - width) // 2
    return scaled[:, top : top + height, left : left + width].clamp(0, 1)
