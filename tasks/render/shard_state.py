"""The state of a shard of prompts: prompts, their pictures, and all that the stages make of them."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from torch import Tensor

from models.text_features import Encoded
from tasks.prompts.shards import Shard
from tasks.runfolder.shard_state import Failure, ShardState
from tasks.text.preprocess import Prepared


class _Portable:
    """Goes to another process with copies of its tensors: a tensor that is one row of a batch would be pickled with
    the whole batch, once a row."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value.cpu().clone() if isinstance(value, Tensor) else value for name, value in vars(self).items()}


class Prompt(_Portable):
    """One input row that is fit to be rendered.

    Attributes:
        row: its position in the whole input.
        seeds: one a picture.
        prepared: set by `preprocess`.
        negative_text, guidance, steps: None where the generator has no such thing (negative_text: or its own).
        features, text_cut: set by `encode`; text_cut: the encoder reads the beginning of one of the texts alone.
    """

    def __init__(
        self,
        row: int,
        id: str,
        text: object,
        seeds: list[int],
        width: int,
        height: int,
        negative_text: str | None = None,
        guidance: float | None = None,
        steps: int | None = None,
    ) -> None:
        self.row = row
        self.id = id
        self.text = text
        self.seeds = seeds
        self.width = width
        self.height = height
        self.negative_text = negative_text
        self.guidance = guidance
        self.steps = steps
        self.prepared: Prepared | None = None
        self.features: Encoded | None = None
        self.text_cut: bool | None = None

    def identity(self) -> dict[str, Any]:
        return prompt_identity(self.id, self.text)


def prompt_identity(id: str, text: object) -> dict[str, Any]:
    """What a prompt is known by in the quarantine."""
    return {"prompt_id": id, "text": None if text is None else str(text)}


class Picture(_Portable):
    """One picture of a prompt.

    Attributes:
        width, height: of the pixels; the prompt's, unless an enhancement step made the picture larger.
        pixels: (3, height, width) float32 in [0, 1], from `generate` until they are encoded.
        heat: which word made which part of it, from `explain`.
        file, figures, heat_file: the encoded picture, its quality figures and the heat maps' file, from then on.
    """

    def __init__(self, prompt: Prompt, number: int) -> None:
        self.prompt = prompt
        self.seed = prompt.seeds[number]
        self.number = None if len(prompt.seeds) == 1 else number
        self.id = prompt.id if self.number is None else f"{prompt.id}~{number}"
        self.width, self.height = prompt.width, prompt.height
        self.pixels: Tensor | None = None
        self.heat: Heat | None = None
        self.file = b""
        self.figures: dict[str, float] = {}
        self.heat_file = b""


class Heat:
    """Words of a text, and how much of its picture hangs on each: maps (words, height, width) uint8, 255 where the most
    does, and `shares` of all change."""

    def __init__(self, words: list[str], maps: np.ndarray, shares: list[float]) -> None:
        self.words = words
        self.maps = maps
        self.shares = shares


class Work(ShardState[Shard, Prompt]):
    """A shard of prompts on its way.

    Attributes:
        pictures: of the prompts, from `generate` on.
        carried: the columns that are passed through to the metadata, all rows of the shard.
    """

    IDENTITY: ClassVar[dict[str, pa.DataType]] = {"prompt_id": pa.string(), "text": pa.string()}

    def __init__(self, shard: Shard, prompts: list[Prompt], failures: list[Failure], carried: pa.Table) -> None:
        super().__init__(shard, prompts, failures)
        self.carried = carried
        self.pictures: list[Picture] = []

    @property
    def prompts(self) -> list[Prompt]:
        return self.items

    def fail(self, stage: str, errors: Mapping[Prompt, str]) -> None:
        """Takes rows and their pictures out, to be quarantined."""
        super().fail(stage, errors)
        self.pictures = [picture for picture in self.pictures if picture.prompt not in errors]

    def release(self) -> None:
        super().release()
        self.pictures = []
        self.carried = self.carried.schema.empty_table()

    def by_size(self, batch_key: Callable[[Prompt], Hashable] = lambda prompt: None) -> list[list[Picture]]:
        """The pictures in groups of one size, and of prompts that may share a batch of the generator."""
        groups: dict[Hashable, list[Picture]] = {}
        for picture in self.pictures:
            alike = picture.prompt.width, picture.prompt.height, batch_key(picture.prompt)
            groups.setdefault(alike, []).append(picture)
        return list(groups.values())
