"""Writes a user's own captioned pictures as a data set that training reads.

The result has the format of `imagemill dataset emoji` (tasks/datasets/emoji/dataset.py): rows of the kind `captioned`,
without recorded objects, and an empty `concepts.parquet`, written last, so that its existence means the data set is
complete. Pictures are cut to the square in their middle, scaled to one size and encoded anew, so that nothing of a
camera's metadata (places, names, serial numbers) comes along. What cannot be used is kept in `left-out.parquet` with
the reason.
"""

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
from PIL import Image, ImageOps
from pydantic import BaseModel, Field, StringConstraints

from tasks.datasets.emoji.dataset import CONCEPTS, PICTURES
from tasks.datasets.find_captioned import LICENCE_COLUMNS, FoundPicture, first
from tasks.imaging.decode import open_picture
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import to_parquet
from tasks.text.preprocess import language

LEFT_OUT = pa.schema({"picture": pa.string(), "reason": pa.string()})
_ROWS_A_FILE = 4096


class CollectOptions(BaseModel):
    """How a user's pictures become a data set."""

    licence: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    """Licence of the pictures, kept with each; a column `licence` or `license` says it for one picture."""
    source: str | None = None
    """Where the pictures are from, kept with each; by default its path, and a column `source` says it for one."""
    edge: Annotated[int, Field(ge=16, le=1024)] = 128
    """Pixels of a picture's side."""
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the pictures that training sets aside for its figures."""


@dataclass
class Collected:
    """What was written and what was left out, with the first reason."""

    pictures: int = 0
    left_out: int = 0
    first_reason: str = ""


def check_new(out: Storage) -> None:
    """Raises BadInput when the folder for a data set holds something already."""
    if out.exists("") and (out.list("") or out.exists("concepts.parquet")):
        raise BadInput(f"{out.url()} is not empty: choose a new folder for the data set.")


def collect(
    found: Iterable[FoundPicture], out: Storage, options: CollectOptions, done: Callable[[int], None]
) -> Collected:
    """Writes the data set; calls `done` with how many pictures have been looked at.

    Raises BadInput when not one picture can be used.
    """
    result = Collected()
    rows: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    files = 0

    def flush() -> None:
        nonlocal files
        out.write(f"pictures-{files:05d}.parquet", to_parquet(pa.Table.from_pylist(rows, PICTURES)))
        files += 1
        rows.clear()

    for number, item in enumerate(found, 1):
        try:
            rows.append(_row(item, options))
        except ValueError as error:
            failed.append({"picture": item.name, "reason": str(error)})
        if len(rows) == _ROWS_A_FILE:
            flush()
        result.pictures = files * _ROWS_A_FILE + len(rows)
        done(number)
    if failed:
        result.left_out, result.first_reason = len(failed), f"{failed[0]['picture']}: {failed[0]['reason']}"
    if not result.pictures:
        raise BadInput(f"Not one of {result.left_out} pictures can be used ({result.first_reason}); mend them.")
    if rows:
        flush()
    if failed:
        out.write("left-out.parquet", to_parquet(pa.Table.from_pylist(failed, LEFT_OUT)))
    out.write("concepts.parquet", to_parquet(CONCEPTS.empty_table()))
    return result


def _row(item: FoundPicture, options: CollectOptions) -> dict[str, Any]:
    """A row of the data set. Raises ValueError with the reason why there cannot be one."""
    if item.problem:
        raise ValueError(item.problem)
    if item.caption is not None and not isinstance(item.caption, str):
        raise ValueError(f"its caption is no text but of the type {type(item.caption).__name__}")
    caption = _text(item.caption)
    if not caption:
        raise ValueError("it has no caption")
    image = _square(item.data, options.edge)
    identity = hashlib.sha256(item.name.encode("utf-8", "replace") + b"\0" + caption.encode())
    split = item.columns.get("split")
    if split not in ("train", "test"):
        split = "test" if int(identity.hexdigest()[:8], 16) < options.held_out * 2**32 else "train"
    return {
        "id": identity.hexdigest()[:16],
        "image": {"bytes": image, "path": f"{identity.hexdigest()[:16]}.webp"},
        "caption": caption,
        "language": language(re.findall(r"[^\W_]+", caption)),
        "kind": "captioned",
        "says": [],
        "concepts": [],
        "objects": [],
        "licence": _text(first(item.columns, LICENCE_COLUMNS)) or options.licence,
        "source": _text(first(item.columns, ("source",)) or options.source or item.name),
        "split": split,
    }


def _text(value: Any) -> str:
    """A table's value as one line of text: a licence may be a number there, a character half of a surrogate pair."""
    text = "" if value is None else str(value)
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _square(data: bytes, edge: int) -> bytes:
    """The middle of a picture as WebP, `edge` pixels a side, what is transparent over white."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = ImageOps.exif_transpose(open_picture(data)).convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        square = ImageOps.fit(white.convert("RGB"), (edge, edge), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        what = str(error) if data else "it is empty"
        raise ValueError(f"it is no readable picture ({re.sub(r' <.*>', '', what)})") from None
    buffer = io.BytesIO()
    square.save(buffer, "WEBP", quality=92, method=2)
    return buffer.getvalue()
