"""Finds run folders below a place, tells how they stand, and deletes them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from tasks.runfolder import claims, completed, costs, workers
from tasks.runfolder.completed import read_outcomes, shard_names
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import changed_at, filesystem
from tasks.runfolder.lease import is_dead, lock_at
from tasks.runfolder.record import RECORD, read_record
from tasks.runfolder.storage import Storage
from tasks.runfolder.storage_errors import unusable

DEPTH = 4  # folders below the given one that are looked into
OWN = {"images", "metadata", "quarantine", "timings", "explain", "previews", "report", "faults"}
OWN |= {claims.FOLDER, workers.FOLDER, completed.FOLDER, costs.FOLDER, costs.ESTIMATE, RECORD}
"""What a run writes; the rest of a folder is not ours to delete."""


@dataclass(frozen=True)
class RunFolder:
    """How a run stands, without looking into its tables; `changed`: when it last completed a shard; `cost`: money."""

    url: str
    flow: str
    rows: int
    shards: int
    shards_complete: int
    pictures: int
    quarantined: int
    changed: datetime
    running: bool
    cost: float | None

    @property
    def state(self) -> str:
        if self.running:
            return "running"
        if self.shards_complete < self.shards:
            return "incomplete"
        return "with quarantined" if self.quarantined else "complete"


def find_runs(url: str) -> Iterator[RunFolder]:
    """The run folders at or below a place, in the order of their names.

    Raises:
        BadInput: there is no such folder, or it cannot be listed.
        StorageError: the store does not answer.
    """
    try:
        fs, base = filesystem(url)
        if not fs.isdir(base):
            raise BadInput(f"{url}: no such folder; check the path.")
        yield from _below(fs, base.rstrip("/"), url.rstrip("/"), DEPTH)
    except BadInput:
        raise
    except Exception as error:
        raise unusable(error, url) or error from error


def _below(fs: Any, base: str, url: str, depth: int) -> Iterator[RunFolder]:
    items = {PurePosixPath(item["name"].rstrip("/")).name: item for item in fs.ls(base, detail=True)}
    if RECORD in items:
        with suppress(BadInput):  # of something else that has a run.json
            yield _read(Storage(url), fs, items[RECORD])
        return
    for name, item in sorted(items.items()):
        if item["type"] == "directory" and depth and not item.get("islink") and not name.startswith("."):
            yield from _below(fs, f"{base}/{name}", f"{url}/{name}", depth - 1)


def _read(storage: Storage, fs: Any, item: Mapping[str, Any]) -> RunFolder:
    record = read_record(storage)
    assert record is not None
    complete = shard_names(storage, "metadata")
    timed = shard_names(storage, "timings") & complete
    outcomes = list(read_outcomes(storage, timed))
    times = [changed_at(item)]
    with suppress(FileNotFoundError):
        times += [changed_at(each) for each in fs.ls(f"{item['name'].rpartition('/')[0]}/metadata", detail=True)]
    return RunFolder(
        url=storage.url(),
        flow=str(record.get("flow", "render")),
        rows=record["input"]["rows"],
        shards=record["shards"],
        shards_complete=len(complete),
        pictures=sum(outcome.pictures for outcome in outcomes),
        quarantined=sum(outcome.quarantined for outcome in outcomes),
        changed=max(times),
        running=any(_lives(storage, path) for path in storage.list(workers.FOLDER)),
        cost=costs.total_cost(storage),
    )


def _lives(storage: Storage, path: str) -> bool:
    held = lock_at(storage.url(path)).read()
    return held is not None and not is_dead(held)


def delete_run(url: str) -> list[str]:
    """Deletes what a run has written; what else is in its folder stays and is returned by name.

    The record goes last, so that a folder whose deletion was cut short is still known as a run.
    """
    fs, base = filesystem(url)
    base = base.rstrip("/")
    names = {PurePosixPath(item["name"].rstrip("/")).name for item in fs.ls(base, detail=True)}
    own = {name for name in names if name in OWN or name.endswith(".lock")}
    links = {name for name in own if fs.info(f"{base}/{name}").get("islink")}
    for name in sorted(own - links, key=lambda name: name == RECORD):
        fs.rm(f"{base}/{name}", recursive=True)
    left = sorted(names - own | links)
    if not left:
        with suppress(OSError, NotImplementedError):  # an object store has no folders
            fs.rmdir(base)
    return left
