"""Which shards of a run are left to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from flows.engine.summary import Summary
from flows.jobs.render import RunOptions
from tasks.runfolder.commit import complete_shards, read_outcomes, read_table, shard_names
from tasks.runfolder.storage import Storage


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Shard = TypeVar("Shard", bound=_Named)


@dataclass(frozen=True)
class PendingShard(Generic[Shard]):
    """A shard to do: all of it, or `only` some rows for the `attempt`th time."""

    shard: Shard
    only: frozenset[int] | None = None
    attempt: int = 1

    @property
    def name(self) -> str:
        return self.shard.name


def list_pending(
    job: RunOptions, shards: Callable[[], Iterator[Shard]], out: Storage, summary: Summary
) -> Iterator[PendingShard[Shard]]:
    """The shards that are not complete, or whose quarantined rows are to be tried again; `summary` counts the others.

    Args:
        shards: all of this part of the run; called twice, so that they need not be held.
    """
    complete, quarantined = complete_shards(out), shard_names(out, "quarantine")
    again = quarantined if job.retry_quarantined else set()
    earlier = {shard.name for shard in shards()} & complete - again
    for outcome in read_outcomes(out, sorted(earlier)).values():
        summary.add_earlier(outcome)

    def pending() -> Iterator[PendingShard[Shard]]:
        for shard in shards():
            if shard.name not in complete:
                yield PendingShard(shard)
            elif shard.name in again:
                failed = read_table(out, f"quarantine/{shard.name}.parquet")
                made = read_table(out, f"metadata/{shard.name}.parquet")
                only = frozenset(failed["row"].to_pylist()) - frozenset(made["row"].to_pylist())
                yield PendingShard(shard, only, 1 + max(failed["attempt"].to_pylist()))

    return pending()
