"""Commit: a shard's tables, once its files are there; metadata last, so that its existence means it is complete."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.runfolder.lock import check_locks
from tasks.runfolder.storage import Storage


class AnyShard(Protocol):
    """A unit of work and of commit."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> int: ...


@dataclass(frozen=True)
class Outcome:
    """A shard's rows, what became of them, and the seconds each stage took.

    `texts_cut`: rows with pictures whose text is longer than the encoder reads.
    """

    rows: int
    pictures: int
    quarantined: int
    seconds: dict[str, float]
    texts_cut: int = 0


def commit(
    storage: Storage,
    shard: AnyShard,
    metadata: pa.Table,
    quarantine: pa.Table,
    seconds: Mapping[str, float],
    attempt: int,
) -> Outcome:
    """Writes what a shard came to, once its pictures are there. In a later attempt, what was made is added.

    Raises:
        Stopped: another run has taken the folder.
        StorageError: something could not be written; the shard does not count as complete then.
    """
    check_locks(storage)
    name = shard.name
    if attempt > 1:
        made = read_table(storage, f"metadata/{name}.parquet")
        metadata = pa.concat_tables([made, metadata], promote_options="default")  # an older version had fewer columns
        metadata = metadata.sort_by([("row", "ascending"), ("id", "ascending")])
    rounded = {stage: round(value, 4) for stage, value in seconds.items()}
    cut = metadata.filter(pc.field("text_cut"))["row"].unique() if "text_cut" in metadata.schema.names else ()
    outcome = Outcome(shard.rows, metadata.num_rows, quarantine.num_rows, rounded, len(cut))
    storage.write(f"timings/{name}.json", json.dumps(asdict(outcome)).encode())
    if attempt == 1:
        _write_quarantine(name, storage, quarantine)
        storage.write(f"metadata/{name}.parquet", to_parquet(metadata))
    else:  # the shard counts as complete already: a row may be in both for an instant, but never in neither
        storage.write(f"metadata/{name}.parquet", to_parquet(metadata))
        _write_quarantine(name, storage, quarantine)
    return outcome


def _write_quarantine(shard: str, storage: Storage, quarantine: pa.Table) -> None:
    path = f"quarantine/{shard}.parquet"
    if quarantine.num_rows:
        storage.write(path, to_parquet(quarantine))
    else:
        storage.delete(path)  # left by an earlier attempt


def shard_names(storage: Storage, folder: str) -> set[str]:
    """The shards that have a file in `metadata` (the complete ones) or `quarantine`."""
    return {PurePosixPath(path).stem for path in storage.list(folder)}


def read_table(storage: Storage, path: str) -> pa.Table:
    # A copy in Arrow's own memory: its threads abort the process if they give a Python object back while it ends.
    content = pa.BufferOutputStream()
    content.write(storage.read(path))
    return pq.ParquetFile(content.getvalue()).read()


def to_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
