"""Prompts that are no Parquet become Parquet on this machine's disk, so that every later step knows one format."""

import hashlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from tasks.prompts.csv_rows import CsvRows
from tasks.prompts.file_kinds import PromptFile
from tasks.prompts.json_rows import is_by_line, json_rows, json_schema, with_text
from tasks.prompts.opening import open_filesystem
from tasks.prompts.rows import HIDDEN, Row, bad, write_rows
from tasks.prompts.text_input import SAMPLE, Lines, decompressed, encoding_of, is_damaged, is_too_long
from tasks.runfolder.errors import BadInput

COPY_AT_ONCE = 1 << 20  # bytes
KNOWN = {"id", "text", "prompt", "caption", "seed", "width", "height", "count", "negative_text", "guidance", "steps"}
PARQUET = b"PAR1"


@dataclass(frozen=True)
class Spooled:
    """A Parquet file made of prompts; `bytes` and `fingerprint` are those of what it was made of.

    `columns`: without those that only say where a row stood.
    """

    path: str
    columns: pa.Schema
    bytes: int
    fingerprint: str
    has_lines: bool
    is_open: bool


def spool(file: PromptFile, target: Path, text_columns: tuple[str, ...]) -> Spooled:
    """Writes a file's rows as Parquet to `target`, a block at a time.

    Args:
        text_columns: the names that the column of text may have.

    Raises:
        BadInput: the file is of another format than its name says, in another encoding, or empty.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    content = _local(file)
    copy = content or target.with_suffix(".copy")
    digest, size = _copied(file, copy) if content is None else _digest(content)
    if size == 0:
        raise BadInput(f"{file.url}: the file is empty; give a Parquet, CSV or JSON-lines file of prompts.")
    if file.kind == "stream":
        file = replace(file, kind=_kind_of(copy))
    if file.kind == "parquet":
        with copy.open("rb") as raw, decompressed(raw, file.compression, file.url) as whole, target.open("wb") as sink:
            shutil.copyfileobj(whole, sink, COPY_AT_ONCE)
        target.with_suffix(".copy").unlink(missing_ok=True)
        return Spooled(str(target), pa.schema([]), size, digest, has_lines=False, is_open=False)
    columns = _write(file, copy, target, text_columns)
    target.with_suffix(".copy").unlink(missing_ok=True)
    return Spooled(str(target), columns, size, digest, has_lines=True, is_open=file.kind in {"json", "jsonl"})


def _local(file: PromptFile) -> Path | None:
    """The file itself, if it is one of this machine that can be read more than once."""
    if file.kind in {"stream", "text"}:
        return None
    fs, path = open_filesystem(file.url)
    return Path(path) if "file" in fs.protocol else None


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest(), source.tell()


def _copied(file: PromptFile, target: Path) -> tuple[str, int]:
    """Takes what is not a file of this machine to it; returns the content's hash and length."""
    digest, size = hashlib.sha256(), 0
    with _opened(file) as source, target.open("wb") as sink:
        while block := source.read(COPY_AT_ONCE):
            digest.update(block)
            sink.write(block)
            size += len(block)
    return digest.hexdigest(), size


@contextmanager
def _opened(file: PromptFile) -> Iterator[IO[bytes]]:
    if file.url == "-":
        yield sys.stdin.buffer
    elif file.kind == "text":
        yield io.BytesIO(file.url.encode("utf-8", "surrogateescape"))
    elif file.kind == "stream":
        with open(file.url, "rb") as pipe:  # noqa: PTH123
            yield pipe
    else:
        fs, path = open_filesystem(file.url)
        with fs.open(path, "rb") as source:
            yield source


def _kind_of(copy: Path) -> Any:
    """What comes through a pipe: Parquet, objects, a table with a header of names known here, or a text a line."""
    with copy.open("rb") as file:
        if file.read(4) == PARQUET:
            return "parquet"
        file.seek(0)
        first = next((line.strip() for line in file if line.strip()), b"")
    if first.startswith(b"["):
        return "json"
    try:
        if isinstance(json.loads(first), dict):
            return "jsonl"
    except (ValueError, RecursionError):
        pass
    for kind, delimiter in (("csv", b","), ("csv", b";"), ("tsv", b"\t")):
        names = [name.strip().decode(errors="replace") for name in first.split(delimiter)]
        if len(names) > 1 and set(names) <= KNOWN:
            return kind
    return "txt"


@contextmanager
def _lines(file: PromptFile, copy: Path) -> Iterator[Lines]:
    with copy.open("rb") as raw, decompressed(raw, file.compression, file.url) as sampled:
        sample = sampled.read(SAMPLE)
    encoding = encoding_of(sample, file.url)
    try:
        with copy.open("rb") as raw, decompressed(raw, file.compression, file.url) as content:
            yield Lines(content, encoding)
    except UnicodeDecodeError as error:
        raise BadInput(f"{file.url}: damaged {encoding.upper()} text ({error.reason}); save it as UTF-8.") from error


def _write(file: PromptFile, copy: Path, target: Path, text_columns: tuple[str, ...]) -> pa.Schema:
    if file.kind in {"csv", "tsv"}:
        with _lines(file, copy) as lines:
            rows = CsvRows(lines, file.url, "\t" if file.kind == "tsv" else None, text_columns)
            columns = _checked([(name, pa.string()) for name in rows.names], file.url)
            write_rows(rows, columns, str(target))
    elif file.kind in {"json", "jsonl"}:
        with _lines(file, copy) as lines:
            by_line = is_by_line(lines, file.kind == "jsonl")
        with _lines(file, copy) as lines:
            found = json_schema(json_rows(lines, file.url, by_line), file.url)
            columns = _checked([(field.name, field.type) for field in found], file.url)
        text = text_column(columns.names, text_columns)
        with _lines(file, copy) as lines:
            write_rows(with_text(json_rows(lines, file.url, by_line), columns, text), columns, str(target))
    elif file.kind == "text":
        columns = pa.schema({text_columns[0]: pa.string()})
        write_rows([Row(1, {text_columns[0]: file.url})], columns, str(target))
    else:
        columns = pa.schema({text_columns[0]: pa.string()})
        with _lines(file, copy) as lines:
            write_rows(_texts(lines, text_columns[0]), columns, str(target))
    return columns


def _texts(lines: Lines, column: str) -> Iterator[Row]:
    """A text a line; blank lines are none."""
    for number, line in lines:
        if is_damaged(line) or is_too_long(line):
            yield bad(number, "not UTF-8 text" if is_damaged(line) else "too long for a text")
        elif line.strip():
            yield Row(number, {column: line.strip()})


def text_column(names: list[str], wanted: tuple[str, ...]) -> str | None:
    """The first of the wanted columns that is there, as it is written or in other letters."""
    for name in wanted:
        if name in names:
            return name
        if same := next((other for other in names if other.lower() == name.lower()), None):
            return same
    return None


def _checked(columns: list[tuple[str, pa.DataType]], name: str) -> pa.Schema:
    names = [column for column, _ in columns]
    taken = [column for column in names if column in HIDDEN.names]
    twice = [column for column in names if names.count(column) > 1]
    if taken or twice:
        problem = f"two columns are named {twice[0]!r}" if twice else f"a column is named {taken[0]!r}, as one of ours"
        raise BadInput(f"{name}: {problem}; rename one.")
    return pa.schema(columns)
