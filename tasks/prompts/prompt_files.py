"""Input: the prompts that are given, opened without reading their rows.

They come as Parquet; CSV and JSON lines are first turned into Parquet (in `spool`), so that every later step knows one
format.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from models.messages import one_line
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, explain, filesystem

TEXT_COLUMNS = ("text", "prompt", "caption")
HASHED_WHOLE = 1 << 30  # bytes up to which a local file is fingerprinted by its whole content
READ_BUFFER = 1 << 20  # bytes a column is read ahead, so that a huge row group is never held whole


@dataclass(frozen=True)
class Source:
    """One Parquet file of prompts."""

    url: str
    rows: int
    bytes: int
    fingerprint: str


@dataclass(frozen=True)
class Input:
    """The whole input: its files, the schema they share, and the column that holds the text."""

    sources: tuple[Source, ...]
    schema: pa.Schema
    text_column: str

    @property
    def rows(self) -> int:
        return sum(source.rows for source in self.sources)

    @property
    def bytes(self) -> int:
        return sum(source.bytes for source in self.sources)

    def fingerprint(self) -> dict[str, Any]:
        """What `run.json` keeps, to know the input again."""
        digest = hashlib.sha256("".join(source.fingerprint for source in self.sources).encode()).hexdigest()
        return {"files": len(self.sources), "rows": self.rows, "bytes": self.bytes, "sha256": digest}


def find_input(prompts: str, spool: Storage, text_column: str | None = None) -> Input:
    """Opens the prompts: a file, a folder of Parquet files, or a glob; local or s3://.

    Args:
        spool: where CSV and JSON lines are kept as Parquet.
        text_column: the column with the text; by default the first of `text`, `prompt`, `caption` that is there.

    Raises:
        BadInput: the prompts cannot be read, are empty, or have no usable text column.
    """
    sources, schemas = [], []
    for url in _expand(prompts):
        source, schema = _open(url, spool)
        sources.append(source)
        schemas.append(schema)
    for source, schema in zip(sources, schemas, strict=True):
        if not schema.equals(schemas[0]):
            raise BadInput(
                f"{source.url}: its columns differ from those of {sources[0].url}; give files of one schema to a run."
            )
    _check_columns(schemas[0], prompts)
    found = Input(tuple(sources), schemas[0], _text_column(schemas[0], text_column, prompts))
    if found.rows == 0:
        raise BadInput(f"{prompts}: there are no rows; give a file with at least one prompt.")
    return found


def _expand(prompts: str) -> list[str]:
    fs, path = filesystem(prompts)
    try:
        if any(mark in path for mark in "*?["):
            paths = sorted(fs.glob(path))
        elif fs.isdir(path):
            paths = sorted(fs.glob(f"{path.rstrip('/')}/**/*.parquet"))
        else:
            return [prompts]
    except Exception as error:
        raise BadInput(str(explain(error, prompts) or error)) from error
    if not paths:
        raise BadInput(f"{prompts}: no Parquet file is found there; check the path.")
    return [fs.unstrip_protocol(found) if "file" not in fs.protocol else str(found) for found in paths]


def _open(url: str, spool: Storage) -> tuple[Source, pa.Schema]:
    fs, path = filesystem(url)
    try:
        info = fs.info(path)
        if info["size"] == 0:
            raise BadInput(f"{url}: the file is empty; give a Parquet, CSV or JSON-lines file of prompts.")
        suffix = PurePosixPath(path).suffix.lower()
        if suffix in {".csv", ".json", ".jsonl", ".ndjson"}:
            return _open(_spool(url, suffix, spool), spool)
        with fs.open(path, "rb", block_size=READ_BUFFER) as file, pq.ParquetFile(file) as parquet:
            metadata = parquet.metadata
            print_ = _fingerprint(fs, path, info, metadata)
            return Source(url, metadata.num_rows, info["size"], print_), parquet.schema_arrow
    except BadInput:
        raise
    except pa.ArrowInvalid as error:
        raise BadInput(
            f"{url}: not a readable Parquet file (damaged, cut short or of another format); "
            "write it again, or name it .csv or .jsonl if it is one."
        ) from error
    except Exception as error:
        raise BadInput(str(explain(error, url) or error)) from error


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


def _spool(url: str, suffix: str, spool: Storage) -> str:
    """Turns CSV or JSON lines into Parquet, a block at a time."""
    fs, path = filesystem(url)
    target = f"input/{PurePosixPath(path).name}.parquet"
    sink = io.BytesIO()
    try:
        with fs.open(path, "rb") as file:
            if suffix == ".csv":
                header = pyarrow.csv.open_csv(fs.open(path, "rb")).schema.names
                texts = {name: pa.string() for name in header if name in {*TEXT_COLUMNS, "id", "negative_text"}}
                options = pyarrow.csv.ConvertOptions(column_types=texts, strings_can_be_null=True)
                parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
                reader = pyarrow.csv.open_csv(file, parse_options=parse, convert_options=options)
            else:
                reader = pyarrow.json.open_json(file)
            with pq.ParquetWriter(sink, reader.schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(batch)
    except pa.ArrowInvalid as error:
        raise BadInput(f"{url}: cannot be read as {suffix[1:].upper()} ({one_line(error)}); mend that line.") from error
    spool.write(target, sink.getvalue())
    return spool.url(target)


def _check_columns(schema: pa.Schema, prompts: str) -> None:
    twice = [name for name in schema.names if schema.names.count(name) > 1]
    if twice:
        raise BadInput(f"{prompts}: two columns are named {twice[0]!r}; rename one.")
    kind = schema.field("id").type if "id" in schema.names else pa.string()
    if not (pa.types.is_integer(kind) or _is_text(kind)):
        raise BadInput(f"{prompts}: column 'id' holds {kind}; ids are text or whole numbers.")


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _text_column(schema: pa.Schema, wanted: str | None, prompts: str) -> str:
    names = list(schema.names)
    if wanted is not None and wanted not in names:
        raise BadInput(f"{prompts}: there is no column {wanted!r}; --text-column takes one of {', '.join(names)}.")
    column = wanted or next((name for name in TEXT_COLUMNS if name in names), None)
    if column is None:
        raise BadInput(
            f"{prompts}: no column is named text, prompt or caption; name it with --text-column (there are: "
            f"{', '.join(names)})."
        )
    kind = schema.field(column).type
    if not _is_text(kind):
        raise BadInput(f"{prompts}: column {column!r} holds {kind}, not text; choose another with --text-column.")
    return column
