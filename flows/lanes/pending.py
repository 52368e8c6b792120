"""Lists the shards of a run that are still to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from flows.jobs.render import RunOptions
from flows.lanes.patience import Result, outlasting
from tasks.runfolder.commit import Outcome
from tasks.runfolder.completed import Folding, complete_shards, read_outcomes, shard_names
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


class ToDo(Generic[Shard]):
    """What is to do of a run's shards, complete or not.

    Attributes:
        finished: the names of those of which nothing is.
        left: how many others there are: incomplete, or with quarantined rows that are to be retried.
        folding: takes the names of those that become complete.

    Args:
        shards: iterates over this part's shards, which are not kept in memory.
        earlier: takes the outcomes of the finished ones.
    """

    def __init__(
        self, job: RunOptions, shards: Callable[[], Iterator[Shard]], out: Storage, earlier: Callable[[Outcome], None]
    ) -> None:
        self._out, self._patience = out, job.patience
        self._complete = self._outlasting(lambda: complete_shards(out))
        quarantined = self._outlasting(lambda: shard_names(out, "quarantine"))
        self._retried = quarantined if job.retry_quarantined else set()
        total = finished = 0
        for shard in shards():
            total += 1
            finished += shard.name in self._complete and shard.name not in self._retried
        self.left = total - finished
        self.finished = self._complete - self._retried if self._retried else self._complete
        self.folding = self._outlasting(lambda: Folding(out, self.finished))
        if finished < len(self.finished):  # others' are there, too
            self.finished = {shard.name for shard in shards() if shard.name in self.finished}
        for outcome in self._outlasting(lambda: list(read_outcomes(out, self.finished))):
            earlier(outcome)

    def of(self, shards: Iterator[Shard]) -> Iterator[PendingShard[Shard]]:
        """What is to do of each of some shards."""
        for shard in shards:
            if shard.name not in self._complete:
                yield PendingShard(shard)
            elif shard.name in self._retried:
                failed = self._outlasting(partial(read_quarantine, self._out, shard.name))
                made = self._outlasting(partial(read_table, self._out, f"metadata/{shard.name}.parquet"))
                only = frozenset(failed["row"].to_pylist()) - frozenset(made["row"].to_pylist())
                yield PendingShard(shard, only, 1 + max(failed["attempt"].to_pylist()))

    def _outlasting(self, use: Callable[[], Result]) -> Result:
        return outlasting(use, self._patience)
