"""Captioned data sets, read to train on."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from tasks.imaging.decode import on_white
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError

_NEEDED, _OF_CONCEPTS = ("image", "caption"), ("id", "en", "zh", "kind", "image")
_KNOWN = (
    "language",
    "kind",
    "place",
    "sky",
    "says",
    "concepts",
    "objects",
    "licence",
    "split",
)  # None where a data set lacks them
_HELD_OUT = 30  # where the data set does not say, one row in so many is held out of training


@dataclass(frozen=True)
class Refused:
    """A row that training leaves out, and why."""

    file: str
    row: int
    reason: str


@dataclass(frozen=True)
class CaptionedDataset:
    """The rows of a data set that have a caption, and the sprites of its concepts, if it has any.

    A row is a dict of the data set's columns, with `file` and `row` for where it stands.
    """

    rows: list[dict[str, Any]]
    concepts: list[dict[str, str]]  # id, en, zh, kind
    sprites: Tensor  # (concepts, 4, 128, 128) float32 in [0, 1], RGBA with premultiplied alpha
    refused: list[Refused] = field(default_factory=list)

    def digest(self) -> str:
        """sha256, hex, of captions and pictures in their order."""
        total = hashlib.sha256()
        for row in self.rows:
            total.update(hashlib.sha256(row["caption"].encode()).digest())
            total.update(hashlib.sha256(content_of(row["image"])).digest())
        return total.hexdigest()

    def picture(self, row: int) -> Tensor:
        """(3, edge, edge) float32 in [0, 1]. Raises BadInput when the row's picture cannot be decoded."""
        found = self.rows[row]
        try:
            image = decoded(found["image"])
        except ValueError as error:
            raise BadInput(
                f"Row {found['row']} of {found['file']} has no readable picture ({error}): mend or remove it."
            ) from None
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255


def content_of(image: Any) -> bytes:
    """The bytes in a cell of the column `image`; b"" if there are none."""
    content = image.get("bytes") if isinstance(image, dict) else image
    return content if isinstance(content, bytes) else b""


def decoded(image: Any) -> Image.Image:
    """Decodes a cell of the column `image` to RGB, transparent parts white: bytes, or Hugging Face's bytes and path.

    Raises ValueError with the reason when it cannot be decoded.
    """
    content = content_of(image)
    if not content:
        raise ValueError("it holds no bytes")
    try:
        picture: Image.Image = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(" ".join(str(error).split()).split(" <")[0]) from None
    return on_white(picture)


def read_captioned(place: str | Path) -> CaptionedDataset:
    """Reads `pictures-*.parquet` (or every Parquet file) of a folder, local or s3://, and `concepts.parquet` if any.

    Rows without a caption are left out. Raises BadInput when there is no such data set, or nothing in it to learn from,
    StorageError when storage failed.
    """
    storage = Storage(str(place))
    try:
        names = [path.lstrip("/") for path in storage.list("") if path.endswith(".parquet")]
        pictures = [n for n in names if n.startswith("pictures-")] or [n for n in names if n != "concepts.parquet"]
        if pictures and pictures[0].startswith("pictures-") and "concepts.parquet" not in names:  # that is written last
            raise BadInput(f"{place} is half a data set: remove it, and make it again with `imagemill dataset`.")
        if not pictures:
            raise BadInput(
                f"{place} is no finished data set (no Parquet files of pictures): make one with `imagemill dataset`."
            )
        rows = [row for name in pictures for row in _read_rows(storage, name)]
        concepts = _read(storage, "concepts.parquet", _OF_CONCEPTS).to_pylist() if "concepts.parquet" in names else []
    except StorageError as error:
        if error.mendable:
            raise BadInput(str(error)) from None
        raise
    refused = [Refused(r["file"], r["row"], "it has no caption") for r in rows if not _says(r["caption"])]
    rows = [row for row in rows if _says(row["caption"])]
    if not rows:
        raise BadInput(f"Not one row of the data set {place} has a caption: give the rows captions.")
    sprites = np.zeros((0, 128, 128, 4), np.uint8)
    if concepts:
        sprites = np.stack([np.asarray(Image.open(io.BytesIO(c["image"]["bytes"])).convert("RGBA")) for c in concepts])
    pixels = torch.from_numpy(sprites).permute(0, 3, 1, 2).float() / 255
    pixels[:, :3] *= pixels[:, 3:]
    return CaptionedDataset(rows, [{k: c[k] for k in ("id", "en", "zh", "kind")} for c in concepts], pixels, refused)


def _says(caption: Any) -> bool:
    return isinstance(caption, str) and bool(caption.strip())


def _read(storage: Storage, name: str, needed: Sequence[str]) -> pa.Table:
    try:
        with storage.open(name) as file:
            table = pq.read_table(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadInput(f"{storage.url(name)} cannot be read as Parquet ({error}): make it again.") from None
    missing = [column for column in needed if column not in table.column_names]
    if missing:
        raise BadInput(
            f"{storage.url(name)} has no column {missing[0]!r} (only {', '.join(table.column_names)}): "
            f"a data set needs {', '.join(needed)} there."
        )
    return table


def _read_rows(storage: Storage, name: str) -> list[dict[str, Any]]:
    table = _read(storage, name, _NEEDED)
    table = table.select([c for c in (*_NEEDED, *_KNOWN) if c in table.column_names])
    rows = table.to_pylist()
    for i, row in enumerate(rows):
        row |= {"file": name, "row": i, **{column: row.get(column) for column in _KNOWN}}
        if row["split"] is None:
            number = int.from_bytes(hashlib.sha256(f"{name} {i}".encode()).digest()[:4])
            row["split"] = "test" if number % _HELD_OUT == 0 else "train"
    return rows
