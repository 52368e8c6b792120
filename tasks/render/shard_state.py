"""The state of a shard of prompts: prompts, their pictures, and everything the stages add to them."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from torch import Tensor

from models.asked import Asked, Match
from models.reference import Reference
from models.text_features import Encoded
from tasks.prompts.shards import Shard
from tasks.runfolder.filenames import distinct_names
from tasks.runfolder.shard_state import Failure, ShardState
from tasks.text.preprocess import Prepared


class _Portable:
    """Pickles with copies of its tensors: a tensor that is a view of a batch would be pickled with the whole batch,
    once per row."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value.cpu().clone() if isinstance(value, Tensor) else value for name, value in vars(self).items()}


class Prompt(_Portable):
    """One valid input row.

    Attributes:
        row: its position in the whole input.
        seeds: one per picture.
        prepared: set by `preprocess`.
        references: the pictures that it follows; set by `read`.
        negative_text, guidance, steps: None if the generator does not support it (negative_text: or has its own).
        asked: what the text asks for in so many words, for a generator that reads them; set by `preprocess`.
        features, text_cut: set by `encode`; text_cut: the text or negative text was truncated.
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
        self.references: list[Reference] = []
        self.prepared: Prepared | None = None
        self.asked: Asked | None = None
        self.features: Encoded | None = None
        self.text_cut: bool | None = None

    def identity(self) -> dict[str, Any]:
        return prompt_identity(self.id, self.text)


def prompt_identity(id: str, text: object) -> dict[str, Any]:
    """The columns that identify a prompt in the quarantine."""
    return {"prompt_id": id, "text": None if text is None else str(text)}


class Picture(_Portable):
    """One picture of a prompt.

    Attributes:
        width, height: in pixels; the prompt's, unless an enhancement step upscaled the picture.
        pixels: (3, height, width) from `generate` until they are encoded: uint8 in the host's memory, but while
            `explain` or `enhance` is to come float32 in [0, 1] on the device.
        match: how much of what its text asks for it shows, of a generator that can tell; set by `generate`.
        heat: which word made which part of it, from `explain` on.
        reward: how much people would like it, from `rank` on.
        encoding: how far its file is, once nothing else is to be done with it.
        file, figures, heat_file: the encoded picture, its quality figures and the encoded heat maps, from then on.
    """

    def __init__(self, prompt: Prompt, number: int) -> None:
        self.prompt = prompt
        self.seed = prompt.seeds[number]
        self.number = None if len(prompt.seeds) == 1 else number
        self.id = prompt.id if self.number is None else f"{prompt.id}~{number}"
        self.width, self.height = prompt.width, prompt.height
        self.pixels: Tensor | None = None
        self.match: Match | None = None
        self.heat: Heat | None = None
        self.reward: float | None = None
        self.encoding: Future[None] | None = None
        self.file = b""
        self.figures: dict[str, float] = {}
        self.heat_file = b""


class Heat:
    """How much of a picture depends on each word of its text: `maps` (words, height, width) uint8, 255 where the
    effect is largest, and `shares`, each word's share of the total change."""

    def __init__(self, words: list[str], maps: np.ndarray, shares: list[float]) -> None:
        self.words = words
        self.maps = maps
        self.shares = shares


class Made:
    """What was stored of a picture: its files and its row of the metadata."""

    def __init__(self, prompt: Prompt, files: list[str], row: dict[str, Any]) -> None:
        self.prompt = prompt
        self.files = files
        self.row = row


class RenderShard(ShardState[Shard, Prompt]):
    """A shard of prompts in the pipeline.

    Its pictures are generated and stored in parts, so that memory holds no more of them than of any other shard: a
    single row may ask for a thousand.

    Attributes:
        pictures: pictures of the prompts that are in hand, from `generate` on: of one part.
        made: what has been stored of each picture.
        unwanted: stored files of prompts that have failed since.
        ahead: features of texts that were encoded together with those of other shards.
        suspects: rows that may have broken a device, which are made alone, and how often one failed with them so.
        alone: the one in hand.
        carried: the columns passed through to the metadata, for all rows of the shard.
        names: file names by id; of all rows of the shard, so that they don't depend on which are tried again.
    """

    IDENTITY: ClassVar[dict[str, pa.DataType]] = {"prompt_id": pa.string(), "text": pa.string()}

    def __init__(self, shard: Shard, prompts: list[Prompt], failures: list[Failure], carried: pa.Table) -> None:
        super().__init__(shard, prompts, failures)
        self.carried = carried
        self.names = distinct_names(prompt.id for prompt in prompts)
        self.pictures: list[Picture] = []
        self.made: list[Made] = []
        self.unwanted: set[str] = set()
        self.ahead: Mapping[str, Encoded] = {}
        self.suspects: Mapping[int, int] = {}
        self.alone: int | None = None
        self._to_come: deque[list[Picture]] | None = None

    @property
    def prompts(self) -> list[Prompt]:
        return self.items

    def fail(self, stage: str, errors: Mapping[Prompt, str]) -> None:
        """Moves rows, and their pictures, from the shard to its failures."""
        super().fail(stage, errors)
        self.pictures = [picture for picture in self.pictures if picture.prompt not in errors]
        self.unwanted.update(file for made in self.made if made.prompt in errors for file in made.files)
        self.made = [made for made in self.made if made.prompt not in errors]
        left = ([p for p in part if p.prompt not in errors] for part in self._to_come or ())
        self._to_come = None if self._to_come is None else deque(filter(None, left))

    def next_part(self, most: int) -> None:
        """Takes the next of the shard's pictures in hand, at most `most` pixels or a single picture."""
        if self._to_come is None:
            self._to_come = deque(_parts(self.prompts, most))
        self.pictures = self._to_come.popleft() if self._to_come else []

    @property
    def more(self) -> bool:
        return bool(self._to_come)

    def release(self) -> None:
        super().release()
        self.pictures, self.made, self._to_come = [], [], None
        self.carried = self.carried.schema.empty_table()

    def by_size(self, batch_key: Callable[[Prompt], Hashable] = lambda prompt: None) -> list[list[Picture]]:
        """The pictures grouped by size and by `batch_key`: those of a group may share a batch.

        Suspects are apart, the likeliest to be to blame last.
        """
        groups: dict[Hashable, list[Picture]] = {}
        for picture in self.pictures:
            row = picture.prompt.row if picture.prompt.row in self.suspects else None
            key = picture.prompt.width, picture.prompt.height, batch_key(picture.prompt), row
            groups.setdefault(key, []).append(picture)
        return sorted(groups.values(), key=lambda group: self.suspects.get(group[0].prompt.row, 0))


def _parts(prompts: Iterable[Prompt], most: int) -> Iterator[list[Picture]]:
    """The pictures of all prompts, in parts of at most `most` pixels, or of one picture that has more.

    A part has whole prompts, or some pictures of a single one: so what was stored of one that fails is its own.
    """
    part: list[Picture] = []
    pixels = 0
    for prompt in prompts:
        pictures = [Picture(prompt, number) for number in range(len(prompt.seeds))]
        each = prompt.width * prompt.height
        if part and pixels + each * len(pictures) > most:
            yield part
            part, pixels = [], 0
        at_once = max(1, most // each)
        while len(pictures) > at_once:
            yield pictures[:at_once]
            pictures = pictures[at_once:]
            part, pixels = [], most  # what is left of it stays alone
        part, pixels = [*part, *pictures], pixels + each * len(pictures)
    if part:
        yield part
