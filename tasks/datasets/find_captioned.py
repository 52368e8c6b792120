"""Find: a user's own captioned pictures, in a folder or in Parquet."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.prompts.prompt_files import TEXT_COLUMNS, Input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import explain, filesystem

TABLES = ("metadata.jsonl", "metadata.csv", "captions.jsonl", "captions.csv")
FILE_COLUMNS = ("file_name", "file", "image", "filename")
LICENCE_COLUMNS = ("licence", "license")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_AT_ONCE = 64  # rows of Parquet that are read at once: their pictures are in memory together


@dataclass(frozen=True)
class Found:
    """A picture as it was found; `problem` says why it cannot be used, `said` holds the table's other columns."""

    name: str
    data: bytes
    caption: str | None
    said: dict[str, Any]
    problem: str | None = None


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
        caption = first(said, TEXT_COLUMNS)
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
    named = ((first(row, FILE_COLUMNS), row) for row in rows)
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


def _column(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in row), None)


def first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of the columns that is filled."""
    return next((row[name] for name in names if row.get(name)), None)
