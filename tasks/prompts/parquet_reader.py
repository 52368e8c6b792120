"""SequentialReader: rows of a Parquet file in order, so that a shard is read from where the last one ended."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa

from tasks.prompts.opening import open_parquet, unreadable
from tasks.prompts.rows import LINE, PROBLEM
from tasks.prompts.schemas import converted
from tasks.prompts.shards import Shard
from tasks.prompts.whole_input import Input, Source
from tasks.runfolder.storage import StorageError, explain

MOST_OPEN = 8  # readers whose place is kept: as many shards may be read side by side without starting anew
COLUMN_BATCH = 65_536  # rows of a single column at once


class SequentialReader:
    """Reads a Parquet file forwards, a page at a time.

    A row group may hold a million rows, so shards are not cut from decoded row groups: the reader goes on from where
    the last shard ended, and only starts anew (at the row group that holds the row) when asked to go back or far on.
    The file is open only between a first read and the last row, or `close`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._parquet: Any = None
        self._starts = np.zeros(1, np.int64)
        self._position = -1
        self._batches: Any = None
        self._left: pa.RecordBatch | None = None

    def rows(self, start: int, count: int) -> pa.Table:
        """`count` rows from `start` on, all columns."""
        with self._lock:
            try:
                taken = self._rows(start, count)
            except BaseException:
                self._close()  # its position is not to be trusted after a failure: a retry opens the file anew
                raise
            table = pa.Table.from_batches(taken, schema=self._parquet.schema_arrow)
            if self._position == self._starts[-1]:
                self._close()
        return table

    def close(self) -> None:
        with self._lock:
            self._close()

    def _rows(self, start: int, count: int) -> list[pa.RecordBatch]:
        if self._parquet is None:
            self._open()
        group = int(np.searchsorted(self._starts, start, side="right")) - 1
        if not 0 <= self._position <= start or self._starts[group] > self._position:
            self._position = int(self._starts[group])
            groups = range(group, self._parquet.metadata.num_row_groups)
            self._batches = self._parquet.iter_batches(1024, row_groups=list(groups))
            self._left = None
        self._take(start - self._position)
        return self._take(count)

    def _take(self, count: int) -> list[pa.RecordBatch]:
        taken = []
        while count > 0:
            batch = self._left if self._left is not None else next(self._batches, None)
            if batch is None:
                raise pa.ArrowInvalid("the file ends before its last row")
            part = batch.slice(0, count)
            self._left = batch.slice(count) if len(batch) > count else None
            taken.append(part)
            count -= len(part)
            self._position += len(part)
        return taken

    def _open(self) -> None:
        self._file, self._parquet = open_parquet(self.url)
        groups = [self._parquet.metadata.row_group(i).num_rows for i in range(self._parquet.metadata.num_row_groups)]
        self._starts = np.cumsum([0, *groups])
        self._position = -1

    def _close(self) -> None:
        self._batches = self._left = None
        parquet, file = self._parquet, self._file
        self._parquet = self._file = None
        if parquet is not None:
            parquet.close()
        if file is not None:
            file.close()


class _Readers:
    """The readers of this process: those used last stay open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: OrderedDict[tuple[str, str], SequentialReader] = OrderedDict()

    def of(self, source: Source) -> SequentialReader:
        key = source.url, source.fingerprint
        with self._lock:
            reader = self._readers.pop(key, None) or SequentialReader(source.url)
            self._readers[key] = reader
            old = [self._readers.popitem(last=False)[1] for _ in range(len(self._readers) - MOST_OPEN)]
        for other in old:
            other.close()
        return reader


_readers = _Readers()


class ShardRows:
    """The rows of a shard in the columns of the whole input, and what is known of each beside them.

    Attributes:
        problems: what of a row could not be read, by its place in the table.
    """

    def __init__(self, table: pa.Table, problems: dict[int, str], lines: list[tuple[str, int] | None]) -> None:
        self.table = table
        self.problems = problems
        self._lines = lines

    def place(self, i: int) -> str:
        """Where a row stands, as the beginning of a sentence: its file and line, if the file has lines."""
        line = self._lines[i]
        return f"{line[0]}, line {line[1]}: " if line else ""


def shard_rows(found: Input, shard: Shard) -> ShardRows:
    """The rows of a shard, all columns. Raises StorageError when the input cannot be read (any more)."""
    tables: list[pa.Table] = []
    problems: dict[int, str] = {}
    lines: list[tuple[str, int] | None] = []
    for source, start, count in found.parts(shard.row, shard.rows):
        table = _explained(source, lambda: _readers.of(source).rows(start, count))  # noqa: B023 (called at once)
        if source.has_lines:
            numbers = table[LINE].to_pylist()
            named = source.label or source.name
            for i, problem in enumerate(table[PROBLEM].to_pylist()):
                if problem is not None:
                    problems[len(lines) + i] = problem
        fitted, unfit = _fitted(table, source, found.schema)
        problems.update({len(lines) + i: problem for i, problem in unfit.items()})
        lines += [(named, number) for number in numbers] if source.has_lines else [None] * count
        tables.append(fitted)
    return ShardRows(pa.concat_tables(tables), problems, lines)


def column_batches(found: Input, names: list[str]) -> Iterator[pa.Table]:
    """These columns of all rows in order, a batch at a time, each file's in its own types.

    A column that a file lacks is null there. Raises StorageError when the input cannot be read.
    """
    for source in found.sources:
        yield from _explained_batches(source, names)


def _explained_batches(source: Source, names: list[str]) -> Iterator[pa.Table]:
    constant = dict(source.columns)
    try:
        file, parquet = open_parquet(source.url)
        with file, parquet:
            own = [name for name in names if name in parquet.schema_arrow.names]
            wanted = own or parquet.schema_arrow.names[:1]
            for batch in parquet.iter_batches(COLUMN_BATCH, columns=wanted):
                arrays = [
                    batch.column(name) if name in own else _repeated(constant.get(name), len(batch)) for name in names
                ]
                yield pa.table(arrays, names=names)
    except Exception as error:
        raise _told(error, source) from error


def _repeated(value: str | None, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def _explained(source: Source, read: Any) -> pa.Table:
    try:
        return read()
    except Exception as error:
        raise _told(error, source) from error


def _told(error: Exception, source: Source) -> Exception:
    """What a failure to read is to the user: the storage's, or the file's."""
    name = source.name or source.url
    of_file = isinstance(error, pa.ArrowException) or (isinstance(error, OSError) and error.errno is None)
    of_storage = None if of_file and not isinstance(error, StorageError) else explain(error, name)
    return of_storage or StorageError(unreadable(error, name), mendable=True)


def _fitted(table: pa.Table, source: Source, schema: pa.Schema) -> tuple[pa.Table, dict[int, str]]:
    """A file's rows in the columns of the whole input, and the rows of which a value has no place there."""
    constant, unfit = dict(source.columns), {}
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column, lost = converted(table[field.name], field.type)
            unfit.update({i: f"column {field.name!r} holds {value!r}, which is no {field.type}" for i, value in lost})
        else:
            column = pa.chunked_array([_repeated(constant.get(field.name), table.num_rows).cast(field.type)])
        columns.append(column)
    return pa.table(columns, schema=schema), unfit
