"""Cursor: rows of a Parquet file in order, so that a shard is read from where the last one ended."""

import threading
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.prompts.prompt_files import READ_BUFFER, Input
from tasks.prompts.shards import Shard
from tasks.runfolder.storage import explain, filesystem


class Cursor:
    """Reads a Parquet file forwards, a page at a time.

    A row group may hold a million rows, so shards are not cut from decoded row groups: the cursor goes on from where
    the last shard ended, and only starts anew (at the row group that holds the row) when asked to go back or far on.
    """

    def __init__(self, url: str, columns: tuple[str, ...] | None = None) -> None:
        fs, path = filesystem(url)
        # A plain buffered file: fsspec's remote default would fetch the whole rest of the file ahead.
        file = fs.open(path, "rb", block_size=READ_BUFFER)
        self.parquet = pq.ParquetFile(file, buffer_size=READ_BUFFER, pre_buffer=False)
        groups = [self.parquet.metadata.row_group(i).num_rows for i in range(self.parquet.metadata.num_row_groups)]
        self.starts = np.cumsum([0, *groups])
        self.lock = threading.Lock()
        self.position = -1
        self.batches: Any = None
        self.left: pa.RecordBatch | None = None

    def rows(self, start: int, count: int) -> pa.Table:
        with self.lock:
            group = int(np.searchsorted(self.starts, start, side="right")) - 1
            if not 0 <= self.position <= start or self.starts[group] > self.position:
                self.position = int(self.starts[group])
                groups = range(group, self.parquet.metadata.num_row_groups)
                self.batches = self.parquet.iter_batches(1024, row_groups=list(groups))
                self.left = None
            self._take(start - self.position)
            taken = self._take(count)
        return pa.Table.from_batches(taken, schema=self.parquet.schema_arrow)

    def _take(self, count: int) -> list[pa.RecordBatch]:
        taken = []
        while count > 0:
            batch = self.left if self.left is not None else next(self.batches)
            part = batch.slice(0, count)
            self.left = batch.slice(count) if len(batch) > count else None
            taken.append(part)
            count -= len(part)
            self.position += len(part)
        return taken


@cache
def _cursor(url: str, fingerprint: str) -> Cursor:
    return Cursor(url)


def shard_rows(found: Input, shard: Shard) -> pa.Table:
    """The rows of a shard, all columns. Raises StorageError when the input cannot be read (any more)."""
    source = found.sources[shard.source]
    try:
        return _cursor(source.url, source.fingerprint).rows(shard.start, shard.rows)
    except Exception as error:
        _cursor.cache_clear()  # its position is not to be trusted after a failure: a retry opens the file anew
        raise explain(error, source.url) or error from error
