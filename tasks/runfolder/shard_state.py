"""What passes from stage to stage: one shard's rows, and those of them that failed.

Plain classes rather than dataclasses or dicts on purpose: Prefect walks through the fields of those when they are task
parameters, and would look at every pixel.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import pyarrow as pa

from tasks.runfolder.commit import AnyShard, Outcome, commit
from tasks.runfolder.storage import Storage


class Timed:
    """Adds up the seconds that each stage takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the time within to the stage's seconds."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


class Row(Protocol):
    """One input row on its way."""

    row: int
    """Its position in the whole input."""

    def identity(self) -> dict[str, Any]:
        """What the quarantine says of it, so that a person finds it again."""
        ...


Item = TypeVar("Item", bound=Row)
Shard = TypeVar("Shard", bound=AnyShard)


class Failure:
    """A row of which nothing is made: at which stage it failed, why, in one sentence, and what it is known by."""

    def __init__(self, row: int, stage: str, error: str, identity: dict[str, Any]) -> None:
        self.row = row
        self.stage = stage
        self.error = error
        self.identity = identity


class ShardState(Timed, Generic[Shard, Item]):
    """A shard on its way through the stages. Every row is either in `items` or in `failures`, never in neither.

    Attributes:
        IDENTITY: the columns of the quarantine that `Row.identity` fills.
        parts: how many parts of it have been stored.
    """

    IDENTITY: ClassVar[dict[str, pa.DataType]]
    parts = 0

    def __init__(self, shard: Shard, items: list[Item], failures: list[Failure]) -> None:
        super().__init__()
        self.shard = shard
        self.items = items
        self.failures = failures

    @property
    def more(self) -> bool:
        """Whether there are parts after the one in hand: stages that are `in_parts` follow once more then."""
        return False

    def keep(self, rows: frozenset[int]) -> None:
        """Leaves only these rows."""
        self.items = [item for item in self.items if item.row in rows]
        self.failures = [failure for failure in self.failures if failure.row in rows]

    def fail(self, stage: str, errors: Mapping[Item, str]) -> None:
        """Takes rows out, to be quarantined."""
        failed = [item for item in self.items if item in errors]  # one that has failed before is not here any more
        self.items = [item for item in self.items if item not in errors]
        self.failures += [Failure(item.row, stage, errors[item], item.identity()) for item in failed]

    def release(self) -> None:
        """Lets go of all rows: Prefect keeps parameters in reference cycles, until Python's collector comes."""
        self.items, self.failures = [], []

    def commit(self, storage: Storage, metadata: pa.Table, attempt: int) -> Outcome:
        """Completes the shard: writes its quarantine and its metadata, whose existence means that it is complete.

        Args:
            attempt: how often the rows have been tried.

        Raises:
            StorageError: it could not be written.
        """
        quarantine = self.quarantine_table(attempt)
        return commit(storage, self.shard, metadata, quarantine, self.seconds, attempt)

    def quarantine_table(self, attempt: int) -> pa.Table:
        """One row a failure, in the order of the input."""
        schema = pa.schema(
            {"row": pa.int64(), **self.IDENTITY, "stage": pa.string(), "error": pa.string(), "attempt": pa.int32()}
        )
        rows = [
            {"row": failure.row, **failure.identity, "stage": failure.stage, "error": failure.error, "attempt": attempt}
            for failure in sorted(self.failures, key=lambda failure: failure.row)
        ]
        return pa.Table.from_pylist(rows, schema=schema)
