"""The seam between models and the pipeline: what every text encoder and every generator answers.

A class that names a protocol as its base inherits the defaults below, so that a new generator has to give no more than
its `name`, `digest`, `size`, `encoder` and `generate`.
"""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from torch import Tensor

from models.asked import Asked, Match
from models.fixed_batches import BatchLimit
from models.reference import Reference

USUAL_BATCH = 32  # images in one call of a generator that has no better number

EncodeNegative = Callable[[Sequence[str | None]], list[Any]]


class TextEncoder(Protocol):
    """Texts to the features that a generator reads. Not for two threads at once, but for `cuts`."""

    name: str
    digest: str
    """sha256 of weights and configuration, hex."""
    limit: BatchLimit
    """How much is encoded in one forward pass; halved by whoever meets the end of the device's memory."""
    bytes: int = 0
    """What the weights that `release` frees take on the device."""
    cache_key: str | None = None
    """Folder name under which features may be kept for later runs; None if they are not worth it."""

    @property
    def encode_negative(self) -> EncodeNegative | None:
        """Encodes negative texts (None: the model's own) to features that are merged into a row's; None if the model
        knows no such thing."""
        return None

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[Any]:
        """The features of each text, in order; the same bytes whatever else is in the batch."""
        ...

    @abstractmethod
    def cuts(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than what the encoder reads of it. Needs no network on the device.

        Any thread may call it, also while another encodes.
        """
        ...

    def ready(self) -> None:
        """Loads the networks onto the device if they are not there. Raises ValueError if they cannot be loaded."""
        return

    def release(self) -> None:
        """Frees the memory of the networks until they are next used."""
        return


class Generator(Protocol):
    """Features and seeds to images. Not for two threads at once."""

    name: str
    digest: str
    """sha256 of weights and configuration, hex."""
    size: int
    """Edge in pixels of the images it makes if not told otherwise."""
    encoder: str | None
    """Reference of the text encoder whose features it reads; None if it reads no text, or brings its own encoder."""
    own_encoder: TextEncoder | None = None
    """The text encoder that is part of the same checkpoint, which no other can replace."""
    defaults: Mapping[str, Any] = MappingProxyType({})
    """Which of `steps`, `guidance` and `negative_text` a row may set, and their values if it does not."""
    things: Mapping[str, str] = MappingProxyType({})
    """English names of all things that it can show, with the Chinese ones; empty if it has no such list."""
    parts: Mapping[str, str] = MappingProxyType({})
    """sha256 of each part of a checkpoint that has several, hex."""
    bytes: int = 0
    """What the weights that `release` frees take on the device."""
    references: int = 0
    """How many pictures a row may follow."""
    reference_pixels: int = 1 << 20
    """To how many pixels these are reduced."""
    recalls: bool = False
    """Whether of a reference that it made itself it takes text and seed, rather than pixels alone."""
    reads_words: bool = False
    """Whether `generate` takes `asked` (what each text asks for in so many words, or None), and `match` can tell how
    much of it a picture shows."""
    fixed_batch: bool = False
    """Whether an image's bytes depend on the number of rows in the call, so that batches must be filled up to it."""

    @abstractmethod
    def generate(
        self,
        features: Sequence[Any],
        seeds: Sequence[int],
        width: int,
        height: int,
        steps: int | None = None,
        guidance: Sequence[float | None] = (),
        references: Sequence[Sequence[Reference]] = (),
    ) -> Tensor:
        """Images (rows, 3, height, width), float32 in [0, 1], on the device or the CPU.

        On a GPU they need not be finished when this returns: what uses them is queued behind what makes them.

        A row's image depends on its own features, seed and parameters alone, to the byte.

        Args:
            features: of each row, as the generator's encoder made them; None for each if it reads no text.
            steps, guidance: for generators that have them in `defaults`; None is the generator's own value.
            references: of each row, at most `self.references`; empty if no row has any.

        Raises:
            ValueError: rows, seeds, size or features do not fit; the message is one sentence.
        """
        ...

    def match(self, features: Sequence[Any], seeds: Sequence[int], asked: Sequence[Asked]) -> list[Match]:
        """How much of what each text asks for its picture shows; of a generator that `reads_words`."""
        return []

    def batch_key(
        self, features: Any, steps: int | None, guidance: float | None, references: Sequence[Reference] = ()
    ) -> Hashable:
        """Rows of one size for which this is equal may share a call of `generate`."""
        return None

    def batch_size(self, width: int, height: int, wanted: int | None = None) -> int:
        """Rows in one call for images of this size: `wanted` if that is given and possible."""
        return wanted or USUAL_BATCH

    def check_size(self, width: int, height: int) -> None:
        """Raises ValueError with one sentence if it makes no images of this size."""
        return

    def panoramic(self) -> "Generator":
        """The same model as a generator of panoramas (models/panorama.py), whose `size` is their height.

        Raises:
            ValueError: it makes none; the message is one sentence.
        """
        raise ValueError(
            f"{self.name} makes no panoramas; use default, a checkpoint of the family vae or one of diffusers, or "
            "leave --panorama out."
        )

    def ready(self) -> None:
        """Loads the networks onto the device if they are not there. Raises ValueError if they cannot be loaded."""
        return

    def release(self) -> None:
        """Frees the memory of the networks until they are next used."""
        return
