"""A user's own captioned pictures, in a folder or in Parquet."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.prompts.prompt_files import TEXT_COLUMNS
from tasks.prompts.whole_input import Input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import check_regular, filesystem
from tasks.runfolder.storage import explain
from tasks.runfolder.storage_errors import unusable

TABLES = ("metadata.jsonl", "metadata.csv", "captions.jsonl", "captions.csv")
FILE_COLUMNS = ("file_name", "file", "image", "filename")
LICENCE_COLUMNS = ("licence", "license")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".jxl", ".bmp", ".gif", ".tif", ".tiff")
_AT_ONCE = 64  # rows of Parquet that are read at once: their pictures are in memory together


@dataclass(frozen=True)
class FoundPicture:
    """A picture as it was found; `problem` says why it cannot be used, `columns` holds the table's other columns."""

    name: str
    data: bytes
    caption: str | None
    columns: dict[str, Any]
    problem: str | None = None


class CaptionedFolder:
    """Pictures below a folder (local or s3://) in the order of their names; its length is how many there are.

    Captions come from a table beside the pictures, as Hugging Face's imagefolder has it (`metadata.jsonl`,
    `metadata.csv` or `captions.csv`; columns `file_name` and `text`, `caption` or `prompt`), else from a text file with
    the picture's name. Raises BadInput when there is no such folder, no picture in it, or a table cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._fs, base = filesystem(path)
        self._base = base.rstrip("/")
        try:
            if not self._fs.isdir(self._base):
                raise BadInput(f"{path}: there is no such folder; check the path.")
            files = sorted(str(file) for file in self._fs.find(self._base))
        except OSError as error:
            raise unusable(error, path) or BadInput(str(error)) from error
        self._texts = {file.rsplit(".", 1)[0]: file for file in files if file.endswith(".txt")}
        pictures = [file for file in files if file.lower().endswith(_SUFFIXES)]
        if not pictures:
            raise BadInput(f"{path}: no picture is found there ({', '.join(_SUFFIXES)}); check the path.")
        self._rows: dict[str, dict[str, Any]] = {}  # of tables, by the picture's full path
        for name in reversed(TABLES):
            for file in (f for f in files if PurePosixPath(f).name == name):
                self._rows |= _read_table(self._bytes(file), file)
        self._files = sorted({*pictures, *self._rows})

    def __len__(self) -> int:
        return len(self._files)

    def _bytes(self, file: str) -> bytes:
        check_regular(self._fs, file)
        return bytes(self._fs.cat_file(file))

    def __iter__(self) -> Iterator[FoundPicture]:
        return map(self._read, self._files)

    def _read(self, file: str) -> FoundPicture:
        name, columns, stem = file.removeprefix(f"{self._base}/"), self._rows.get(file, {}), file.rsplit(".", 1)[0]
        caption = first(columns, TEXT_COLUMNS)
        try:
            if caption is None and stem in self._texts:
                caption = self._bytes(self._texts[stem]).decode("utf-8-sig")
            return FoundPicture(name, self._bytes(file), caption, columns)
        except UnicodeDecodeError:
            return FoundPicture(name, b"", None, columns, "its text file is not UTF-8")
        except OSError as error:
            return FoundPicture(name, b"", caption, columns, f"it cannot be read ({explain(error, name) or error})")


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


class CaptionedParquet:
    """Pictures of Parquet rows: the column `image` as bytes or, as Hugging Face has it, a struct with `bytes`.

    Raises BadInput when there is no such column.
    """

    def __init__(self, found: Input) -> None:
        kind = found.schema.field("image").type if "image" in found.schema.names else None
        self._of_bytes = kind is not None and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
        of_structs = kind is not None and pa.types.is_struct(kind) and "bytes" in [f.name for f in kind.fields]
        if not self._of_bytes and not of_structs:
            raise BadInput(
                f"{found.sources[0].url}: pictures belong in a column `image` of bytes, or of structs with `bytes`; "
                f"there are: {', '.join(found.schema.names)}."
            )
        self._found = found

    def __len__(self) -> int:
        return self._found.rows

    def __iter__(self) -> Iterator[FoundPicture]:
        text = self._found.text_column
        wanted = ["image", text, *LICENCE_COLUMNS, "source", "split"]
        columns = [name for name in self._found.schema.names if name in wanted]
        for source in self._found.sources:
            fs, path = filesystem(source.url)
            number = 0
            with fs.open(path, "rb") as file, pq.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches(_AT_ONCE, columns=columns):
                    for row in batch.to_pylist():
                        image = row.pop("image")
                        data = image if self._of_bytes or image is None else image["bytes"]
                        name = f"{PurePosixPath(path).name}#{number}"
                        problem = None if data else "it has no bytes"
                        yield FoundPicture(name, data or b"", row.pop(text), row, problem)
                        number += 1


def _column(row: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in row), None)


def first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The value of the first of the columns that is filled."""
    return next((row[name] for name in names if row.get(name)), None)
