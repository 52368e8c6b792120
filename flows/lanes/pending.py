"""Lists the shards of a run that are still to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from flows.jobs.render import RunOptions
from flows.lanes.patience import outlasting
from tasks.runfolder.commit import Outcome, complete_shards, read_outcomes, shard_names
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_quarantine, read_table


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Shard = TypeVar("Shard", bound=_Named)


@dataclass(frozen=True)
class PendingShard(Generic[Shard]):
    """A shard to do: all of it, or on attempt `attempt` only the rows `only`; `again`: a lane ended over it."""

    shard: Shard
    only: frozenset[int] | None = None
    attempt: int = 1
    again: bool = False

    @property
    def name(self) -> str:
        return self.shard.name


def list_pending(
    job: RunOptions, shards: Callable[[], Iterator[Shard]], out: Storage, earlier: Callable[[Outcome], None]
) -> tuple[set[str], int, Callable[[Iterator[Shard]], Iterator[PendingShard[Shard]]]]:
    """The names of the finished shards; how many others there are, and what tells what is to do of given ones.

    The others are incomplete, or their quarantined rows are to be retried.

    Args:
        earlier: takes the outcomes of the finished ones.
        shards: iterates over this part's shards, which are not kept in memory.
    """
    complete = outlasting(lambda: complete_shards(out), job.patience)
    quarantined = outlasting(lambda: shard_names(out, "quarantine"), job.patience)
    retried = quarantined if job.retry_quarantined else set()
    total, finished = 0, set[str]()
    for shard in shards():
        total += 1
        if shard.name in complete and shard.name not in retried:
            finished.add(shard.name)
    for outcome in outlasting(lambda: read_outcomes(out, sorted(finished)), job.patience).values():
        earlier(outcome)

    def pending(given: Iterator[Shard]) -> Iterator[PendingShard[Shard]]:
        for shard in given:
            if shard.name not in complete:
                yield PendingShard(shard)
            elif shard.name in retried:
                failed = outlasting(partial(read_quarantine, out, shard.name), job.patience)
                rendered = outlasting(partial(read_table, out, f"metadata/{shard.name}.parquet"), job.patience)
                only = frozenset(failed["row"].to_pylist()) - frozenset(rendered["row"].to_pylist())
                yield PendingShard(shard, only, 1 + max(failed["attempt"].to_pylist()))

    return finished, total - len(finished), pending
