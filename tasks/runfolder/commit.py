"""Commit a shard: write its tables once its files are written, metadata last, so that it marks a complete shard."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from tasks.runfolder.errors import BadInput
from tasks.runfolder.lock import check_locks
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.tables import damaged, open_table, read_table, to_parquet

MATCHED = 0.75  # share of what a text asks for below which a picture is told of
MOST_REASONS = 20  # of a shard that are told apart
OF_THIS_RUN = {"discarded", "device_seconds", "shard"}  # not kept with the shard


class AnyShard(Protocol):
    """A unit of work and of commit."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> int: ...


@dataclass(frozen=True)
class Outcome:
    """How many rows a shard has, what became of them, and the seconds that each stage took.

    `texts_cut`: rows with pictures whose text is longer than the encoder reads. `unmatched`: pictures that show less
    than `MATCHED` of what their text asks for. `discarded`: another worker
    had completed the shard by then, and this is what came of it there. `failed`: rows quarantined at each stage;
    `reasons`: `stage: error` and how many rows it failed, at most `MOST_REASONS` of them. `device_seconds`: that
    the device worked for it in this run. `shard`: its name, of a shard that was done in this run.
    """

    rows: int
    pictures: int
    quarantined: int
    seconds: dict[str, float]
    texts_cut: int = 0
    unmatched: int = 0
    discarded: bool = False
    failed: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    device_seconds: float = 0.0
    shard: str = ""


_OUTCOME = TypeAdapter(Outcome)


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
        made = made.filter(~pc.field("row").isin(metadata["row"]))  # of this attempt, if storage failed after it
        metadata = pa.concat_tables([made, metadata], promote_options="default")  # an older version had fewer columns
        metadata = metadata.sort_by([("row", "ascending"), ("id", "ascending")])
    rounded = {stage: round(value, 4) for stage, value in seconds.items()}
    cut = metadata.filter(pc.field("text_cut"))["row"].unique() if "text_cut" in metadata.schema.names else ()
    told = [(row.get("stage"), row.get("error")) for row in quarantine.to_pylist()]
    failed = dict(Counter(stage for stage, _ in told if stage))
    reasons = dict(Counter(f"{stage}: {error}" for stage, error in told if stage).most_common(MOST_REASONS))
    counts = shard.rows, metadata.num_rows, quarantine.num_rows
    outcome = Outcome(*counts, rounded, len(cut), unmatched(metadata), failed=failed, reasons=reasons, shard=name)
    if attempt == 1:
        return _create(storage, name, metadata, quarantine, outcome)
    # The shard is complete already: a row may be in both tables for an instant, but never in neither.
    storage.write(f"timings/{name}.json", outcome_to_json(outcome))
    storage.write(f"metadata/{name}.parquet", to_parquet(metadata), read_back=True)
    _write_quarantine(name, storage, quarantine)
    return outcome


def _create(storage: Storage, name: str, metadata: pa.Table, quarantine: pa.Table, outcome: Outcome) -> Outcome:
    """Commits a shard that others may be committing, too: the first to create its metadata has done it.

    Until that is decided nobody takes anything away from the other tables, so that each row that fails is in the
    quarantine whoever is first; a row in both tables counts as made.
    """
    timings, table, content = f"timings/{name}.json", f"metadata/{name}.parquet", outcome_to_json(outcome)
    earlier = None
    if not storage.create(timings, content):  # of an attempt that was killed, or of another worker
        if is_complete(storage, name):
            return _left_to_the_first(storage, name, quarantine)
        earlier = storage.read(timings)
        storage.write(timings, content)
    alone = quarantine.num_rows > 0 and _add_to_quarantine(storage, name, quarantine)
    if not _create_table(storage, table, to_parquet(metadata)):
        if earlier is not None:
            storage.write(timings, earlier)
        return _left_to_the_first(storage, name, quarantine)
    # What follows is seldom needed: where it fails, the shard's pictures are written again although it is complete.
    if earlier is not None and storage.read(timings) != content:
        storage.write(timings, content)
    if not alone:
        _write_quarantine(name, storage, quarantine)
    return outcome


def _create_table(storage: Storage, path: str, content: bytes) -> bool:
    """Creates a table, or replaces a damaged one, which has no owner."""
    if storage.create(path, content):
        return True
    if is_sound(storage, path):
        return False
    storage.write(path, content, read_back=True)
    return True


def _add_to_quarantine(storage: Storage, name: str, quarantine: pa.Table) -> bool:
    """Adds rows to what an earlier or another worker has quarantined; whether there was nothing."""
    path = f"quarantine/{name}.parquet"
    if storage.create(path, to_parquet(quarantine)):
        return True
    if is_sound(storage, path):
        there = read_table(storage, path)
        more = there.filter(~pc.field("row").isin(quarantine["row"]))
        quarantine = pa.concat_tables([quarantine, more], promote_options="default").sort_by("row")
        if quarantine.num_rows == there.num_rows:
            return False
    storage.write(path, to_parquet(quarantine), read_back=True)
    return False


def _left_to_the_first(storage: Storage, name: str, quarantine: pa.Table) -> Outcome:
    """Takes back what was added to the quarantine of the worker that was first; its outcome."""
    path = f"quarantine/{name}.parquet"
    if storage.exists(path):
        there = read_table(storage, path) if is_sound(storage, path) else quarantine
        made = read_table(storage, f"metadata/{name}.parquet")["row"]
        failed = there.filter(~pc.field("row").isin(made))
        if there is quarantine or failed.num_rows < there.num_rows:
            _write_quarantine(name, storage, failed)
    return outcome_of_another(storage, name)


def outcome_of_another(storage: Storage, name: str) -> Outcome:
    """The outcome of a shard that another worker has completed."""
    path = f"timings/{name}.json"
    made = outcome_from_json(storage, path, storage.read(path))
    return replace(made, seconds={}, discarded=True, shard=name)


def matches(table: pa.Table) -> pa.ChunkedArray | None:
    """How much of their texts pictures show; None if it is not told: a campaign's own column may have this name."""
    known = "match" in table.column_names and pa.types.is_floating(table.schema.field("match").type)
    return table["match"] if known else None


def unmatched(table: pa.Table) -> int:
    """How many pictures show little of their text."""
    found = matches(table)
    return 0 if found is None else pc.sum(pc.less(found, MATCHED)).as_py() or 0


def outcome_to_json(outcome: Outcome) -> bytes:
    kept = {name: value for name, value in asdict(outcome).items() if name not in OF_THIS_RUN}
    return json.dumps(kept).encode()


def outcome_from_json(storage: Storage, path: str, data: bytes) -> Outcome:
    """An outcome as a file has it. Raises BadInput, which names the file, if it is damaged."""
    try:
        return _OUTCOME.validate_json(data)
    except ValidationError as error:
        raise BadInput(damaged(storage, path)) from error


def _write_quarantine(shard: str, storage: Storage, quarantine: pa.Table) -> None:
    path = f"quarantine/{shard}.parquet"
    if quarantine.num_rows:
        storage.write(path, to_parquet(quarantine), read_back=True)
    else:
        storage.delete(path)  # left by an earlier attempt


def is_complete(storage: Storage, name: str) -> bool:
    """Whether a shard has metadata and no damaged table."""
    tables = [path for path in (f"metadata/{name}.parquet", f"quarantine/{name}.parquet") if storage.exists(path)]
    return f"metadata/{name}.parquet" in tables and all(is_sound(storage, path) for path in tables)


def is_sound(storage: Storage, path: str) -> bool:
    """Whether a Parquet file has its footer, which is at its end."""
    try:
        with open_table(storage, path) as file:
            pq.read_metadata(file)
    except StorageError:
        if storage.exists(path):
            raise
        # Another worker has just deleted it.
    except (pa.ArrowException, OSError):
        return False
    return True
