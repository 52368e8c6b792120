"""The finished board: every planned panel with its picture, or with the reason why it has none."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
from PIL import Image

from tasks.imaging.decode import on_white, open_picture
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table


@dataclass(frozen=True)
class Shown:
    """A planned row (see `rows.SCHEMA`) and what came of it: the picture's path in the run, or an error."""

    row: dict[str, Any]
    image: str | None
    error: str | None

    def open(self, storage: Storage) -> Image.Image:
        """The picture in RGB, or a grey one of its size."""
        if self.image is None:
            return Image.new("RGB", (self.row["width"], self.row["height"]), "#B8B8B8")
        return on_white(open_picture(storage.read(self.image)))


@dataclass(frozen=True)
class Board:
    """A storyboard: title, characters' cards, and scenes with their panels."""

    title: str
    cards: list[Shown]
    scenes: list[tuple[str, list[Shown]]]

    def panels(self) -> Iterator[Shown]:
        for _, panels in self.scenes:
            yield from panels


def read_board(storage: Storage, title: str, planned: pa.Table) -> Board:
    """What came of the planned rows. Raises StorageError if the run cannot be read."""
    images: dict[str, str] = {}
    errors: dict[str, str] = {}
    for path in storage.list("metadata"):
        table = read_table(storage, path)
        images |= dict(zip(table["prompt_id"].to_pylist(), table["image"].to_pylist(), strict=True))
    for path in storage.list("quarantine"):
        table = read_table(storage, path)
        errors |= dict(zip(table["prompt_id"].to_pylist(), table["error"].to_pylist(), strict=True))
    shown = [Shown(row, images.get(row["id"]), errors.get(row["id"])) for row in planned.to_pylist()]
    scenes = [
        (panels[0].row["heading"], panels)
        for scene, group in groupby(shown, lambda one: one.row["scene"])
        if scene and (panels := list(group))
    ]
    return Board(title, [one for one in shown if one.row["scene"] == 0], scenes)
