"""Input: the prompts that are given, opened without reading their rows.

They come as Parquet; other formats are first turned into Parquet (in `spool`), so that every later step knows one.
"""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.prompts.file_kinds import PromptFile
from tasks.prompts.listing import list_prompts
from tasks.prompts.opening import open_filesystem, parquet_file, refusal
from tasks.prompts.rows import HIDDEN
from tasks.prompts.schemas import FileSchema, is_text, unified
from tasks.prompts.spool import Spooled, spool, text_column
from tasks.prompts.whole_input import SOURCE_FILE, Input, Source
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError

TEXT_COLUMNS = ("text", "prompt", "caption")
ROW_COLUMNS = ("id", "seed", "width", "height", "count", "negative_text", "guidance", "steps")
"""Columns that say something for one row; each value is read by itself, so files may hold them in other types."""
HASHED_WHOLE = 1 << 30  # bytes up to which a local file is fingerprinted by its whole content


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
    except (BadInput, StorageError):
        raise
    except Exception as error:
        raise refusal(error, file.url) from error


def _open_parquet(file: PromptFile) -> tuple[Source, FileSchema]:
    fs, path = open_filesystem(file.url)
    info = fs.info(path)
    if info["size"] == 0:
        raise BadInput(f"{file.url}: the file is empty; give a Parquet, CSV or JSON-lines file of prompts.")
    with parquet_file(fs, path, file.url) as parquet:
        schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
        fingerprint = _fingerprint(fs, path, info, parquet.metadata)
    return _described(file, Source(file.url, rows, info["size"], fingerprint), schema, is_open=False)


def _open_spooled(file: PromptFile, spooled: Spooled) -> tuple[Source, FileSchema]:
    fs, path = open_filesystem(spooled.path)
    with parquet_file(fs, path, file.url) as parquet:
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
        raise BadInput(f"{prompts}: there is no column {wanted!r}; the columns are {_listed(names)}.")
    if column is None:
        raise BadInput(
            f"{prompts}: no column is named text, prompt or caption; name it with --text-column (there are: "
            f"{_listed(names)})."
        )
    kind = schema.field(column).type
    if not (is_text(kind) or pa.types.is_null(kind)):
        raise BadInput(f"{prompts}: column {column!r} holds {kind}, not text; choose another with --text-column.")
    return column
