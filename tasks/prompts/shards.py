"""Plan: the shards, found without reading the rows.

They follow from the row counts in the Parquet footers alone, so ten million rows plan in the time it takes to read a
few kilobytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from tasks.prompts.prompt_files import Source


@dataclass(frozen=True)
class Shard:
    """A run of rows of one source: the unit of work, retry and commit."""

    index: int
    source: int
    start: int
    """First row within the source."""
    row: int
    """First row within the whole input."""
    rows: int
    duplicates: frozenset[int] = frozenset()
    """Its rows, counted within the whole input, whose id stands on an earlier row too."""

    @property
    def name(self) -> str:
        return f"{self.index:05d}"


def plan_shards(sources: tuple[Source, ...], shard_size: int) -> Iterator[Shard]:
    """Cuts every source into shards of at most `shard_size` rows, in order."""
    index = row = 0
    for number, source in enumerate(sources):
        for start in range(0, source.rows, shard_size):
            rows = min(shard_size, source.rows - start)
            yield Shard(index, number, start, row, rows)
            index += 1
            row += rows


def mark_duplicates(shards: Iterable[Shard], duplicates: np.ndarray) -> Iterator[Shard]:
    """The shards with their part of the duplicate rows (sorted, counted within the whole input)."""
    for shard in shards:
        low, high = np.searchsorted(duplicates, [shard.row, shard.row + shard.rows])
        yield replace(shard, duplicates=frozenset(duplicates[low:high].tolist()))


def auto_shard_size(rows: int, width: int, height: int, batch: int) -> int:
    """Rows a shard: enough shards to show progress, at most 16 million pixels a shard so that memory stays small.

    Whole batches of `batch` pictures where that leaves room for one: one that is not full costs as much as one that is.
    """
    by_memory = max(1, (16 << 20) // (width * height))
    size = min(by_memory, max(16, batch, min(256, rows // 8)))
    return size - size % batch if size > batch else size
