"""The tables of a run folder, read with suspicion: a file may be damaged, or changed by hand."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.storage_errors import explain

REASONS = {"stage": pa.string(), "error": pa.string(), "attempt": pa.int32()}
"""Columns of the quarantine that say why a row failed."""


def is_damage(error: Exception) -> bool:
    """Whether Arrow says that a file is damaged; it has only an OSError for much of that, as storage has."""
    return isinstance(error, pa.ArrowException) or (
        isinstance(error, OSError) and error.errno is None and error.__cause__ is None
    )


@contextmanager
def open_table(storage: Storage, path: str) -> Iterator[IO[bytes]]:
    """A table's file, to be read by Arrow.

    Raises:
        StorageError: storage failed, also while the table is read.
        ArrowException, OSError: of Arrow, because the table is damaged.
    """
    try:
        with storage.open(path) as file:
            yield file
    except StorageError:
        raise
    except (pa.ArrowException, OSError) as error:
        if is_damage(error):
            raise
        raise explain(error, storage.url(path)) or error from error


def damaged(storage: Storage, path: str) -> str:
    shard = PurePosixPath(path).stem
    return f"{storage.url(path)}: damaged; delete metadata/{shard}.parquet too, and the shard is done again."


def read_quarantine(storage: Storage, name: str) -> pa.Table:
    """Why rows of a shard failed. Raises BadInput if it is damaged."""
    return read_table(storage, f"quarantine/{name}.parquet", REASONS)


def read_table(storage: Storage, path: str, columns: Mapping[str, pa.DataType] = MappingProxyType({})) -> pa.Table:
    """A table of a shard, with its `row` and these columns among others. Raises BadInput if it is damaged."""
    # A copy in Arrow's own memory: its threads abort the process if they give a Python object back while it ends.
    content = pa.BufferOutputStream()
    content.write(storage.read(path))
    try:
        table = pq.ParquetFile(content.getvalue()).read()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(damaged(storage, path)) from error
    needed = {"row": pa.int64(), **columns}
    if any(table.column_names.count(name) != 1 or table.schema.field(name).type != needed[name] for name in needed):
        raise BadInput(damaged(storage, path))
    return table


def to_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
