"""Input: the prompts that are given, opened without reading their rows.

They come as Parquet; other formats are first turned into Parquet (in `spool`), so that every later step knows one.
"""

import hashlib
import io
import json
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.prompts.listing import PromptFile, list_prompts, open_filesystem, refusal
from tasks.prompts.rows import HIDDEN
from tasks.prompts.schemas import FileSchema, is_text, unified
from tasks.prompts.spool import Spooled, spool, text_column
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, explain

TEXT_COLUMNS = ("text", "prompt", "caption")
ROW_COLUMNS = ("id", "seed", "width", "height", "count", "negative_text", "guidance", "steps")
"""Columns that say something for one row; each value is read by itself, so files may hold them in other types."""
SOURCE_FILE = "source_file"  # where there are several: which one a row is from
NAMED = 1000  # files whose digests are kept by name
HASHED_WHOLE = 1 << 30  # bytes up to which a local file is fingerprinted by its whole content
READ_BUFFER = 1 << 20  # bytes a column is read ahead, so that a huge row group is never held whole


@dataclass(frozen=True)
class Source:
    """One Parquet file of prompts.

    Attributes:
        url: what opens it; of prompts in another format, the file in the spool.
        bytes, fingerprint: of what was given.
        name: what was given, for messages.
        label: its path below the folder or glob that was given.
        columns: what all its rows have in columns that are not in the file.
        has_lines: the file says on which line of `name` a row stood, and what could not be read of it.
    """

    url: str
    rows: int
    bytes: int
    fingerprint: str
    name: str = ""
    label: str = ""
    columns: tuple[tuple[str, str | None], ...] = ()
    has_lines: bool = False


@dataclass(frozen=True)
class Input:
    """The whole input.

    Attributes:
        schema: the columns of every row, whichever file it is in.
        text_column: the one that holds the text.
        left_out: files that were found and not taken: how many, by reason.
    """

    sources: tuple[Source, ...]
    schema: pa.Schema
    text_column: str
    left_out: dict[str, int] = field(default_factory=dict)

    @cached_property
    def starts(self) -> list[int]:
        """The place of each source's first row within the whole input, and the end."""
        return [0, *accumulate(source.rows for source in self.sources)]

    @property
    def rows(self) -> int:
        return self.starts[-1]

    @property
    def bytes(self) -> int:
        return sum(source.bytes for source in self.sources)

    def parts(self, row: int, rows: int) -> list[tuple[Source, int, int]]:
        """The sources that hold these rows: each with its first row (within the source) and how many."""
        found = []
        number = bisect_right(self.starts, row) - 1
        while rows > 0:
            start = row - self.starts[number]
            count = min(rows, self.sources[number].rows - start)
            if count:
                found.append((self.sources[number], start, count))
            row, rows, number = row + count, rows - count, number + 1
        return found

    def digests(self) -> dict[str, str]:
        """What `run.json` keeps to name the files that changed: a short digest by name, of the first thousand."""
        first = self.sources[:NAMED]
        return {source.label: hashlib.sha256(source.fingerprint.encode()).hexdigest()[:16] for source in first}

    def without_source_files(self) -> "Input":
        """The input as runs had it before rows said which file they are from."""
        added = [(SOURCE_FILE, source.label) in source.columns for source in self.sources]
        if not all(added):
            return self
        sources = tuple(replace(source, columns=source.columns[:-1]) for source in self.sources)
        return replace(self, sources=sources, schema=pa.schema([f for f in self.schema if f.name != SOURCE_FILE]))

    def fingerprint(self) -> dict[str, Any]:
        """What `run.json` keeps, to know the input again."""
        digest = hashlib.sha256("".join(source.fingerprint for source in self.sources).encode()).hexdigest()
        return {"files": len(self.sources), "rows": self.rows, "bytes": self.bytes, "sha256": digest}


def find_input(prompts: str, folder: Storage, text_column: str | None = None, out: str | None = None) -> Input:
    """Opens the prompts: a file, a folder, a glob (local or remote), standard input (`-`), or a text itself.

    Args:
        folder: a local one, where what is no Parquet is kept as Parquet.
        text_column: the column with the text; by default the first of `text`, `prompt`, `caption` that is there.
        out: the run folder, which is never part of the input.

    Raises:
        BadInput: the prompts cannot be read, are empty, or have no usable text column.
    """
    listing = list_prompts(prompts, out)
    wanted = (text_column,) if text_column is not None else TEXT_COLUMNS
    opened = [_open(file, i, Path(folder.url("input")), wanted) for i, file in enumerate(listing.files)]
    schemas = [schema for _, schema in opened]
    schema = unified(schemas, {*ROW_COLUMNS, *wanted})
    if listing.several and SOURCE_FILE not in schema.names:
        opened = [(_with_file(source), schema) for source, schema in opened]
        schema = schema.append(pa.field(SOURCE_FILE, pa.string()))
    _check_ids(schema, prompts)
    sources = tuple(source for source, _ in opened)
    found = Input(sources, schema, _text_column(schema, text_column, prompts), dict(listing.reasons))
    if found.rows == 0:
        raise BadInput(f"{prompts}: there are no rows; give a file with at least one prompt.")
    return found


def told_left_out(reasons: dict[str, int]) -> str:
    """How many files were not taken, and why."""
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"{sum(reasons.values())} files ({told})"


def _open(file: PromptFile, index: int, folder: Path, wanted: tuple[str, ...]) -> tuple[Source, FileSchema]:
    try:
        if file.kind == "parquet" and file.compression is None and not file.url.startswith(("http://", "https://")):
            return _open_parquet(file)
        return _open_spooled(file, spool(file, folder / f"{index:05d}.parquet", wanted))
    except BadInput:
        raise
    except Exception as error:
        raise refusal(error, file.url) from error


def _open_parquet(file: PromptFile) -> tuple[Source, FileSchema]:
    fs, path = open_filesystem(file.url)
    info = fs.info(path)
    if info["size"] == 0:
        raise BadInput(f"{file.url}: the file is empty; give a Parquet, CSV or JSON-lines file of prompts.")
    with _parquet(fs, path, file.url) as parquet:
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        fingerprint = _fingerprint(fs, path, info, parquet.metadata)
    return _described(file, Source(file.url, rows, info["size"], fingerprint), schema, is_open=False)


def _open_spooled(file: PromptFile, spooled: Spooled) -> tuple[Source, FileSchema]:
    fs, path = open_filesystem(spooled.path)
    with _parquet(fs, path, file.url) as parquet:
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
    source = Source(spooled.path, rows, spooled.bytes, spooled.fingerprint, has_lines=spooled.has_lines)
    if spooled.has_lines:
        schema = pa.schema([field for field in schema if field.name not in HIDDEN.names])
    return _described(file, source, schema, spooled.is_open)


def _described(file: PromptFile, source: Source, schema: pa.Schema, is_open: bool) -> tuple[Source, FileSchema]:
    """The source and its columns with what the names of its folders say."""
    twice = [name for name in schema.names if schema.names.count(name) > 1]
    if twice:
        raise BadInput(f"{file.url}: two columns are named {twice[0]!r}; rename one.")
    columns = tuple((name, value) for name, value in file.columns.items() if name not in schema.names)
    for name, _ in columns:
        schema = schema.append(pa.field(name, pa.string()))
    known = f"{source.fingerprint} {json.dumps(columns)}" if columns else source.fingerprint
    source = replace(source, name=file.url, label=file.label, columns=columns, fingerprint=known)
    return source, FileSchema(file.url, schema, is_open)


@contextmanager
def _parquet(fs: Any, path: str, name: str) -> Iterator[pq.ParquetFile]:
    with fs.open(path, "rb", block_size=READ_BUFFER) as file:
        try:
            parquet = pq.ParquetFile(file)
        except (pa.ArrowException, OSError, ValueError) as error:
            if explain(error, name) is not None and not isinstance(error, pa.ArrowException) and _errno(error):
                raise
            raise BadInput(unreadable(error, name)) from error
        with parquet:
            yield parquet


def unreadable(error: BaseException, name: str) -> str:
    """The sentence for a file that Arrow cannot read as Parquet."""
    if "crypt" in str(error):
        return f"{name}: the Parquet file is encrypted; decrypt it first."
    return (
        f"{name}: not a readable Parquet file (damaged, cut short or of another format); "
        "write it again, or name it .csv or .jsonl if it is one."
    )


def _errno(error: BaseException) -> bool:
    return getattr(error, "errno", None) is not None


def _fingerprint(fs: Any, path: str, info: dict[str, Any], metadata: pq.FileMetaData) -> str:
    """The content's hash where that is quick or the store knows it; else size, footer and time of change."""
    if "ETag" in info:
        return f"{info['size']} {info['ETag']}"
    if info["size"] <= HASHED_WHOLE:
        with fs.open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    footer = io.BytesIO()
    metadata.write_metadata_file(footer)
    return f"{info['size']} {hashlib.sha256(footer.getvalue()).hexdigest()} {info.get('mtime')}"


def _with_file(source: Source) -> Source:
    return replace(source, columns=(*source.columns, (SOURCE_FILE, source.label)))


def _check_ids(schema: pa.Schema, prompts: str) -> None:
    kind = schema.field("id").type if "id" in schema.names else pa.string()
    numbers = pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind)
    if not (numbers or is_text(kind) or pa.types.is_null(kind) or kind == pa.uuid()):
        raise BadInput(f"{prompts}: column 'id' holds {kind}; ids are text, whole numbers or UUIDs.")


def _listed(names: list[str]) -> str:
    """Names of columns as part of a sentence."""
    listed = [name if name.isprintable() else repr(name) for name in names[:20]]
    return ", ".join(listed + ["..."] * (len(names) > 20))


def _text_column(schema: pa.Schema, wanted: str | None, prompts: str) -> str:
    names = list(schema.names)
    column = text_column(names, (wanted,) if wanted is not None else TEXT_COLUMNS)
    if column is None and wanted is not None:
        raise BadInput(f"{prompts}: there is no column {wanted!r}; --text-column takes one of {_listed(names)}.")
    if column is None:
        raise BadInput(
            f"{prompts}: no column is named text, prompt or caption; name it with --text-column (there are: "
            f"{_listed(names)})."
        )
    kind = schema.field(column).type
    if not (is_text(kind) or pa.types.is_null(kind)):
        raise BadInput(f"{prompts}: column {column!r} holds {kind}, not text; choose another with --text-column.")
    return column
