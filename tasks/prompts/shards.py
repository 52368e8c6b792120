"""Shards: where the input is cut, found without reading the texts.

The cuts follow from the number of rows alone; where rows say their own size or how many pictures they want, from those
columns, too.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.runfolder.filenames import DIGITS, shard_name

SHARD_PIXELS = 16 << 20  # of all pictures of a shard, unless a single row has more: what is in flight is in memory
SHARD_ROWS = 256


@dataclass(frozen=True)
class Shard:
    """A run of rows: the unit of work, retry and commit. It may go over several files of the input."""

    index: int
    row: int
    """First row within the whole input."""
    rows: int
    duplicates: frozenset[int] = frozenset()
    """Its rows, counted within the whole input, whose id is taken by another row."""
    digits: int = DIGITS
    """Of its name."""
    level: int = 0
    """Its rows follow pictures of shards of lower levels, which are made before."""

    @property
    def name(self) -> str:
        return shard_name(self.index, self.digits)


def cut_evenly(rows: int, shard_size: int) -> np.ndarray:
    """First rows of shards of `shard_size` rows (int64), and the end."""
    return np.append(np.arange(0, rows, shard_size, dtype=np.int64), rows)


def cut_by_file(files: Sequence[int], shard_size: int) -> np.ndarray:
    """As `cut_evenly`, but anew in every file, as runs did before shards went over several."""
    starts = np.cumsum([0, *files], dtype=np.int64)
    cuts = [cut_evenly(rows, shard_size)[:-1] + start for rows, start in zip(files, starts, strict=False)]
    return np.append(np.concatenate(cuts), starts[-1])


def cut_by_pixels(pixels: Iterable[np.ndarray], shard_size: int, most: int, batch: int) -> np.ndarray:
    """First rows of shards of at most `shard_size` rows and (unless it is a single row) `most` pixels; and the end.

    Args:
        pixels: of each row's pictures, in chunks of any length.
        batch: rows that the generator takes at once: a shard that is cut short has whole batches if it can.
    """
    cuts, row = [0], 0
    left = np.empty(0, np.int64)
    for chunk in pixels:
        left = np.concatenate([left, chunk])
        while len(left) >= shard_size:
            rows = _that_fit(left[:shard_size], most, batch)
            row += rows
            cuts.append(row)
            left = left[rows:]
    while len(left):
        rows = _that_fit(left, most, batch)
        row += rows
        cuts.append(row)
        left = left[rows:]
    return np.array(cuts, np.int64)


def taper(cuts: np.ndarray, batch: int) -> np.ndarray:
    """The cuts and further ones in the first and the last shard: of one batch, two, four and so on from either end.

    So the first batch is painted while most of the first shards are still being read and encoded, and at the end little
    is left for one lane to do while others have nothing.

    Args:
        batch: rows that the generator takes at once.
    """
    if len(cuts) < 3:  # a single shard: it has the first batch and the last
        return cuts
    first, second, before, last = cuts[0], cuts[1], cuts[-2], cuts[-1]
    steps = batch * 2 ** np.arange(32)
    rising, falling = first + steps, last - steps
    more = [rising[rising <= second - batch], falling[falling >= before + batch]]
    return np.unique(np.concatenate([cuts, *more]))


def _that_fit(pixels: np.ndarray, most: int, batch: int) -> int:
    fit = int(np.searchsorted(np.cumsum(pixels), most, side="right"))
    if fit == len(pixels):
        return fit
    return _whole_batches(max(1, fit), batch)


def _whole_batches(rows: int, batch: int) -> int:
    return rows - rows % batch if rows > batch else rows


def shards_between(cuts: np.ndarray, digits: int = DIGITS) -> Iterator[Shard]:
    """The shards that lie between the cuts, in order."""
    for index, (start, stop) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)):
        yield Shard(index, start, stop - start, digits=digits)


def of_level(shards: Callable[[], Iterator[Shard]], level: int) -> Iterator[Shard]:
    """Those of the shards that are of a level."""
    return (shard for shard in shards() if shard.level == level)


def mark_duplicates(shards: Iterable[Shard], duplicates: np.ndarray) -> Iterator[Shard]:
    """The shards with their part of the duplicate rows (sorted, counted within the whole input)."""
    if not len(duplicates):
        yield from shards
        return
    for shard in shards:
        low, high = np.searchsorted(duplicates, [shard.row, shard.row + shard.rows])
        yield replace(shard, duplicates=frozenset(duplicates[low:high].tolist()))


def auto_shard_size(rows: int, width: int, height: int, batch: int, count: int = 1, sized: bool = False) -> int:
    """Rows a shard: enough shards to show progress, at most `SHARD_PIXELS` a shard so that memory stays small.

    Whole batches of `batch` pictures where that leaves room for one: one that is not full costs as much as one that is.

    Args:
        count: pictures of a row.
        sized: rows say their size or count themselves, so that shards are cut where their pixels grow.
    """
    by_memory = SHARD_ROWS if sized else max(1, SHARD_PIXELS // (width * height * count))
    size = min(by_memory, max(16, batch, min(SHARD_ROWS, rows // 8)))
    return _whole_batches(size, batch // math.gcd(batch, count))
