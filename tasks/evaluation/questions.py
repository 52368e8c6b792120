"""The questions of an evaluation and their right answers, drawn from a captioned data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from tasks.datasets.emoji.concepts import plain
from tasks.datasets.emoji.scenes import OBJECTS
from tasks.runfolder.errors import BadInput
from tasks.training.data.captioned import CaptionedDataset

Question = TypeVar("Question")
NAMES = {
    ("name", "en"): "exact names, English",
    ("name", "zh"): "exact names, Chinese",
    ("paraphrase", "en"): "paraphrases, English",
    ("paraphrase", "zh"): "paraphrases, Chinese",
}


@dataclass(frozen=True)
class Named:
    """One thing by a name: `right` are the ids of all concepts that have it."""

    row: int
    text: str
    group: str
    right: frozenset[str]


@dataclass(frozen=True)
class Scene:
    """A sentence: `things` are (concept id, colour or None) in order; `place` and `sky` are None where it leaves them
    open."""

    row: int
    text: str
    place: str | None
    sky: str | None
    things: tuple[tuple[str, str | None], ...]


_REPEATED = 16  # scenes that are asked for from several seeds


@dataclass(frozen=True)
class Questions:
    """All that a generator is asked for, and the data set that it is drawn from."""

    data: CaptionedDataset
    names: list[Named]
    scenes: list[Scene]

    @classmethod
    def drawn(cls, data: CaptionedDataset, names: int, scenes: int, seed: int) -> "Questions":
        """At most so many names of each group and so many scenes. Raises BadInput when the data set holds too few."""
        return cls(data, ask_names(data, names, seed), ask_scenes(data, scenes, seed))

    @property
    def repeated(self) -> list[Scene]:
        """The scenes that are asked for from several seeds."""
        return self.scenes[:_REPEATED]

    def concepts(self) -> set[str]:
        """Ids of all concepts that are a right answer to a name."""
        return {right for name in self.names for right in name.right}

    def pictures(self, seeds: int) -> int:
        """How many pictures are asked for, with so many seeds of each repeated scene."""
        return len(self.names) + len(self.scenes) + len(self.repeated) * seeds


def ask_names(data: CaptionedDataset, amount: int, seed: int) -> list[Named]:
    """At most `amount` questions of each group, evenly drawn. Exact names were seen in training, paraphrases never."""
    owners: dict[str, set[str]] = {}
    for row in data.rows:
        if row["kind"] in ("name", "alias", "paraphrase"):
            owners.setdefault(plain(row["caption"]), set()).update(row["concepts"])
    found: dict[str, list[Named]] = {group: [] for group in NAMES.values()}
    for i, row in enumerate(data.rows):
        group = NAMES.get((row["kind"], row["language"]))
        if group and (row["kind"] == "name" or row["split"] == "test"):
            found[group].append(Named(i, row["caption"], group, frozenset(owners[plain(row["caption"])])))
    return [question for asked in found.values() for question in _some(asked, amount, seed)]


def ask_scenes(data: CaptionedDataset, amount: int, seed: int) -> list[Scene]:
    """At most `amount` sentences of scenes that were held out of training.

    Raises BadInput when the data set has none, or does not record what they show.
    """
    found = []
    for i, row in enumerate(data.rows):
        if row["kind"] != "scene" or row["split"] != "test" or row.get("says") is None:
            continue
        placed: list[dict[str, Any]] = sorted(row["objects"], key=lambda o: o["slot"])
        things = tuple((o["concept"], o.get("colour")) for o in placed if o["slot"] in OBJECTS)
        place, sky = (row[name] if name in row["says"] else None for name in ("place", "sky"))
        if things or place or sky:
            found.append(Scene(i, row["caption"], place, sky, things))
    if len(found) < 4:  # a distance takes two halves of two pictures at least
        raise BadInput(
            f"The data set holds {len(found)} held-out scenes, too few to ask for: make one with "
            "`imagemill dataset emoji`."
        )
    return _some(found, amount, seed)


def _some(questions: Sequence[Question], amount: int, seed: int) -> list[Question]:
    order = torch.randperm(len(questions), generator=torch.Generator().manual_seed(seed)).tolist()
    return [questions[i] for i in sorted(order[:amount])]
