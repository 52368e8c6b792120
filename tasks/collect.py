"""Collect: a user's own captioned pictures, from a folder or from Parquet, as a data set that training reads.

The result has the format of `imagemill dataset emoji` (tasks/emoji/dataset.py): rows of the kind `captioned`, without
recorded objects, and an empty `concepts.parquet`, written last, so that its existence means the data set is complete.
Pictures are cut to the square in their middle, scaled to one size and encoded anew, so that nothing of a camera's
metadata (places, names, serial numbers) comes along. What cannot be used is kept in `left-out.parquet` with the reason.
"""

import csv
import hashlib
import io
import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps
from pydantic import BaseModel, Field, StringConstraints

from tasks.emoji.dataset import CONCEPTS, PICTURES
from tasks.errors import BadInput
from tasks.plan import TEXT_COLUMNS, Input
from tasks.preprocess import language
from tasks.storage import Storage, explain, filesystem
from tasks.write import to_parquet

TABLES = ("metadata.jsonl", "metadata.csv", "captions.jsonl", "captions.csv")
FILE_COLUMNS = ("file_name", "file", "image", "filename")
LICENCE_COLUMNS = ("licence", "license")
LEFT_OUT = pa.schema({"picture": pa.string(), "reason": pa.string()})
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_ROWS_A_FILE = 4096
_AT_ONCE = 64  # rows of Parquet that are read at once: their pictures are in memory together


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


@dataclass(frozen=True)
class Found:
    """A picture as it was found; `problem` says why it cannot be used, `said` holds the table's other columns."""

    name: str
    data: bytes
    caption: str | None
    said: dict[str, Any]
    problem: str | None = None


@dataclass
class Collected:
    """What was written and what was left out, with the first reason."""

    pictures: int = 0
    left_out: int = 0
    first_reason: str = ""


def find_in_folder(path: str) -> Iterator[Found]:
    """Pictures below a folder (local or s3://) in the order of their names.

    Captions come from a table beside the pictures, as Hugging Face's imagefolder has it (`metadata.jsonl`,
    `metadata.csv` or `captions.csv`; columns `file_name` and `text`, `caption` or `prompt`), else from a text file with
    the picture's name. Raises BadInput when there is no such folder, no picture in it, or a table cannot be read.
    """
    fs, base = filesystem(path)
    base = base.rstrip("/")
    try:
        if not fs.isdir(base):
            raise BadInput(f"{path}: there is no such folder; check the path.")
        files = sorted(str(file) for file in fs.find(base))
    except OSError as error:
        raise BadInput(str(explain(error, path) or error)) from error
    texts = {file.rsplit(".", 1)[0]: file for file in files if file.endswith(".txt")}
    pictures = [file for file in files if file.lower().endswith(_SUFFIXES)]
    if not pictures:
        raise BadInput(f"{path}: no picture is found there ({', '.join(_SUFFIXES)}); check the path.")
    told: dict[str, dict[str, Any]] = {}
    for name in reversed(TABLES):
        for file in (f for f in files if PurePosixPath(f).name == name):
            told |= _read_table(fs.cat_file(file), file)
    for file in sorted({*pictures, *told}):
        name, said = file.removeprefix(f"{base}/"), told.get(file, {})
        caption = _first(said, TEXT_COLUMNS)
        stem = file.rsplit(".", 1)[0]
        try:
            if caption is None and stem in texts:
                caption = fs.cat_file(texts[stem]).decode("utf-8-sig")
            yield Found(name, fs.cat_file(file), caption, said)
        except UnicodeDecodeError:
            yield Found(name, b"", None, said, "its text file is not UTF-8")
        except OSError as error:
            yield Found(name, b"", caption, said, f"it cannot be read ({explain(error, name) or error})")


def _read_table(data: bytes, file: str) -> dict[str, dict[str, Any]]:
    """The rows of a table of captions by the picture's full path."""
    rows: list[dict[str, Any]]
    try:
        text = data.decode("utf-8-sig")
        if file.endswith(".csv"):
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("a line is no object")
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        raise BadInput(f"{file}: cannot be read as a table of captions ({error}); mend it.") from None
    if rows and not (_column(rows[0], FILE_COLUMNS) and _column(rows[0], TEXT_COLUMNS)):
        raise BadInput(
            f"{file}: a table of captions has the columns file_name and text, not {', '.join(map(str, rows[0]))}; "
            "rename them."
        )
    folder = file.rsplit("/", 1)[0]
    named = ((_first(row, FILE_COLUMNS), row) for row in rows)
    return {f"{folder}/{name}": row for name, row in named if name}


def find_in_parquet(found: Input) -> Iterator[Found]:
    """Pictures of Parquet rows: the column `image` as bytes or, as Hugging Face has it, a struct with `bytes`.

    Raises BadInput when there is no such column.
    """
    kind = found.schema.field("image").type if "image" in found.schema.names else None
    of_bytes = kind is not None and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
    if not of_bytes and not (
        kind is not None and pa.types.is_struct(kind) and "bytes" in [f.name for f in kind.fields]
    ):
        raise BadInput(
            f"{found.sources[0].url}: pictures belong in a column `image` of bytes, or of structs with `bytes`; "
            f"there are: {', '.join(found.schema.names)}."
        )
    wanted = ["image", found.text_column, *LICENCE_COLUMNS, "source", "split"]
    columns = [name for name in found.schema.names if name in wanted]
    for source in found.sources:
        fs, path = filesystem(source.url)
        number = 0
        with fs.open(path, "rb") as file, pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(_AT_ONCE, columns=columns):
                for row in batch.to_pylist():
                    image = row.pop("image")
                    data = image if of_bytes or image is None else image["bytes"]
                    name = f"{PurePosixPath(path).name}#{number}"
                    problem = None if data else "it has no bytes"
                    yield Found(name, data or b"", row.pop(found.text_column), row, problem)
                    number += 1


def collect(found: Iterator[Found], out: Storage, options: CollectOptions, done: Callable[[int], None]) -> Collected:
    """Writes the data set; calls `done` with how many pictures have been looked at.

    Raises BadInput when `out` holds something already, or when not one picture can be used.
    """
    if out.exists("") and (out.list("") or out.exists("concepts.parquet")):
        raise BadInput(f"{out.url()} is not empty: choose a new folder for the data set.")
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


def _row(item: Found, options: CollectOptions) -> dict[str, Any]:
    """A row of the data set. Raises ValueError with the reason why there cannot be one."""
    if item.problem:
        raise ValueError(item.problem)
    if item.caption is not None and not isinstance(item.caption, str):
        raise ValueError(f"its caption is no text but of the type {type(item.caption).__name__}")
    caption = " ".join((item.caption or "").split())
    if not caption:
        raise ValueError("it has no caption")
    image = _square(item.data, options.edge)
    identity = hashlib.sha256(item.name.encode("utf-8", "replace") + b"\0" + caption.encode("utf-8", "replace"))
    split = item.said.get("split")
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
        "licence": _first(item.said, LICENCE_COLUMNS) or options.licence,
        "source": _first(item.said, ("source",)) or options.source or item.name,
        "split": split,
    }


def _square(data: bytes, edge: int) -> bytes:
    """The middle of a picture as WebP, `edge` pixels a side, what is transparent over white."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        square = ImageOps.fit(white.convert("RGB"), (edge, edge), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        what = str(error) if data else "it is empty"
        raise ValueError(f"it is no readable picture ({re.sub(r' <.*>', '', what)})") from None
    buffer = io.BytesIO()
    square.save(buffer, "WEBP", quality=92, method=2)
    return buffer.getvalue()


def _column(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in row), None)


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of the columns that is filled."""
    return next((row[name] for name in names if row.get(name)), None)
