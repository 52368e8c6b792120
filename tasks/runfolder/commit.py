"""Commit a shard: write its tables once its files are written, metadata last, so that it marks a complete shard."""

import io
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from tasks.runfolder.errors import BadInput
from tasks.runfolder.lock import check_locks
from tasks.runfolder.storage import Storage

READERS = 16  # tables read concurrently, as an object store takes tens of milliseconds for each


class AnyShard(Protocol):
    """A unit of work and of commit."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> int: ...


@dataclass(frozen=True)
class Outcome:
    """How many rows a shard has, what became of them, and the seconds that each stage took.

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
    """Writes a shard's tables, once its pictures are written. A later attempt adds its rows to the metadata.

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
        storage.write(f"metadata/{name}.parquet", to_parquet(metadata), read_back=True)
    else:  # the shard is complete already: a row may be in both tables for an instant, but never in neither
        storage.write(f"metadata/{name}.parquet", to_parquet(metadata), read_back=True)
        _write_quarantine(name, storage, quarantine)
    return outcome


def _write_quarantine(shard: str, storage: Storage, quarantine: pa.Table) -> None:
    path = f"quarantine/{shard}.parquet"
    if quarantine.num_rows:
        storage.write(path, to_parquet(quarantine), read_back=True)
    else:
        storage.delete(path)  # left by an earlier attempt


def complete_shards(storage: Storage) -> set[str]:
    """The shards that have metadata and no damaged table; a damaged shard is to be done again."""
    tables = [*storage.list("metadata"), *storage.list("quarantine")]
    with ThreadPoolExecutor(READERS) as pool:
        damaged = [
            path for path, sound in zip(tables, pool.map(partial(_is_sound, storage), tables), strict=True) if not sound
        ]
    return shard_names(storage, "metadata") - {PurePosixPath(path).stem for path in damaged}


def _is_sound(storage: Storage, path: str) -> bool:
    """Whether a Parquet file has its footer, which is at its end."""
    try:
        with storage.open(path) as file:
            pq.read_metadata(file)
    except pa.ArrowInvalid:
        return False
    return True


def shard_names(storage: Storage, folder: str) -> set[str]:
    """The shards that have a table in this folder, `metadata` or `quarantine`."""
    return {PurePosixPath(path).stem for path in storage.list(folder)}


def read_outcomes(storage: Storage, shards: Iterable[str]) -> dict[str, Outcome]:
    """The outcomes of complete shards, by name.

    Raises:
        BadInput: one is damaged, which a run does not leave behind.
    """
    outcomes = {}
    for path, data in storage.read_many([f"timings/{shard}.json" for shard in shards]).items():
        try:
            outcomes[PurePosixPath(path).stem] = TypeAdapter(Outcome).validate_json(data)
        except ValidationError as error:
            raise BadInput(_damaged(storage, path)) from error
    return outcomes


def _damaged(storage: Storage, path: str) -> str:
    shard = PurePosixPath(path).stem
    return f"{storage.url(path)}: damaged; delete metadata/{shard}.parquet too, and the shard is done again."


def read_table(storage: Storage, path: str) -> pa.Table:
    """A table of a shard. Raises BadInput if it is damaged."""
    # A copy in Arrow's own memory: its threads abort the process if they give a Python object back while it ends.
    content = pa.BufferOutputStream()
    content.write(storage.read(path))
    try:
        return pq.ParquetFile(content.getvalue()).read()
    except (pa.ArrowInvalid, OSError) as error:  # the latter of damaged pages
        raise BadInput(_damaged(storage, path)) from error


def to_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
