"""Collects the report's data: counts of everything, a list of the first pictures, all columns of the first of those.

Shards are read, packed as text and released, so memory holds a few shards and the finished page.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.messages import one_line
from tasks.report.columns import ColumnPacker, PackedColumn
from tasks.report.pack import CLIP, Columns, Pack, clip, listed_columns, packed_details
from tasks.runfolder.commit import unmatched
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.tables import open_table, read_table

# The page lists (grid, search) this many; the header counts all. Browsers limit elements to a height of some
# 17 million pixels; 100,000 pictures in two columns on a phone stay below that.
LISTED_PICTURES = 100_000
LISTED_QUARANTINED = 10_000
LISTED_CHARACTERS = 32_000_000

# The page has all columns of the first pictures, up to this much base64 (some 20,000 pictures); for later ones the
# dialog names the Parquet file and the row.
DETAIL_BYTES = 4_000_000
DETAIL_ROWS = 500  # pictures that a click unpacks together

EMBEDDED = 1_000  # pictures with a thumbnail in the page

_READ_AHEAD = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class RunData:
    """A run as the page needs it."""

    rows: int = 0
    pictures: int = 0
    quarantined: int = 0
    texts_cut: int = 0
    """Rows whose text or negative text is longer than the encoder reads."""
    unmatched: int = 0
    """Pictures that show little of what their text asks for."""
    images: list[str] = field(default_factory=list)
    """Paths of the first pictures: their `image` values, or `preview` if there is such a column."""
    pairs: bool = False
    """Whether these have two halves, before and after."""
    studies_incomplete: int = 0
    """Studies with a quarantined file."""
    listing: str = ""
    """Packed: one JSON object per shard, then one with the counts."""
    details: list[tuple[int, int, str]] = field(default_factory=list)
    """First picture, number of pictures, packed columns."""
    columns: list[PackedColumn] = field(default_factory=list)
    """Of all listed pictures, to sort and filter by."""
    left_out: list[str] = field(default_factory=list)
    """Names of columns that are too long for that."""


def read_run(storage: Storage, facet: str = "language") -> RunData:
    """Counts a run's rows and packs the first ones. Raises BadInput, naming the file, for damaged Parquet.

    Args:
        facet: the column by which the page filters.
    """
    metadata, quarantine = set(storage.list("metadata")), set(storage.list("quarantine"))
    names = sorted({PurePosixPath(path).name for path in metadata | quarantine if path.endswith(".parquet")})
    lister = _Lister(facet)

    counted = ["row", "text_cut", "match"]

    def load(name: str) -> tuple[str, pa.Table | None, pa.Table | None]:
        pictures, failures = f"metadata/{name}", f"quarantine/{name}"
        return (
            pictures,
            _table(storage, pictures, counted if lister.full else None) if pictures in metadata else None,
            _table(storage, failures, None) if failures in quarantine else None,
        )

    for shard in read_ahead(load, names):
        try:
            lister.add(*shard)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, pa.ArrowException) as error:
            raise BadInput(
                f"{storage.url(shard[0])}: not the metadata of a run ({one_line(error)}); delete it and run the same "
                "command again."
            ) from error
    return lister.finish()


class _Lister:
    """Lists and packs a run's shards in order until the page is full; from then on only counts."""

    def __init__(self, facet: str) -> None:
        self._facet = facet
        self._data, self._pack, self._columns = RunData(), Pack(), ColumnPacker()
        self._pictures = self._quarantined = self._characters = self._detail_bytes = 0
        self._studies: set[str] = set()

    @property
    def full(self) -> bool:
        return self._pictures >= LISTED_PICTURES or self._characters >= LISTED_CHARACTERS

    def add(self, file: str, pictures: pa.Table | None, failures: pa.Table | None) -> None:
        rows: set[int] = set()  # a row with several pictures may be in both tables
        block: dict[str, Any] = {"file": file}
        if pictures is not None:
            pictures = pictures.drop_columns([name for name in ("elements",) if name in pictures.column_names])
            rows.update(pictures["row"].to_pylist())
            self._data.pictures += len(pictures)
            if "text_cut" in pictures.column_names:
                self._data.texts_cut += len(pictures.filter(pc.field("text_cut"))["row"].unique())
            self._data.unmatched += unmatched(pictures)
            if not self.full:
                block["pictures"] = self._list_pictures(pictures.slice(0, LISTED_PICTURES - self._pictures))
        if failures is not None:
            rows.update(failures["row"].to_pylist())
            self._data.quarantined += len(failures)
            if "study" in failures.column_names:
                self._studies.update(study for study in failures["study"].to_pylist() if study)
            block["quarantined"] = self._list_quarantined(failures.slice(0, LISTED_QUARANTINED - self._quarantined))
        self._data.rows += len(rows)
        if len(block) > 1:
            self._pack.add(block)

    def finish(self) -> RunData:
        self._pack.add({"counts": [self._data.pictures, self._data.quarantined]})
        self._data.listing = self._pack.close()
        self._data.studies_incomplete = len(self._studies)
        self._data.columns, self._data.left_out = self._columns.finish()
        return self._data

    def _list_pictures(self, table: pa.Table) -> Columns:
        self._data.pairs = "preview" in table.column_names
        shown = table["preview" if self._data.pairs else "image"]
        self._data.images += shown.slice(0, EMBEDDED - len(self._data.images)).to_pylist()
        for start in range(0, len(table), DETAIL_ROWS):
            if self._detail_bytes < DETAIL_BYTES:
                chunk = table.slice(start, DETAIL_ROWS)
                packed = packed_details(chunk, self._facet)
                self._detail_bytes += len(packed)
                self._data.details.append((self._pictures + start, len(chunk), packed))
        self._columns.add(self._pictures, table)
        self._pictures += len(table)
        columns = listed_columns(table, self._facet)
        self._characters += sum(len(text) for name in ("id", "text", "keywords") for text in columns[name])
        return columns

    def _list_quarantined(self, table: pa.Table) -> Columns:
        self._quarantined += len(table)
        if "source" in table.column_names:  # files of an archive, which have no text
            texts = [f"row {row}" + f" of study {study}" * bool(study) for row, study in _pairs(table, "row", "study")]
            table = table.rename_columns({"source": "prompt_id"}).append_column("text", pa.array(texts, pa.string()))
        return {
            name: [clip(value, CLIP) if isinstance(value, str) else value for value in table[name].to_pylist()]
            for name in ("prompt_id", "row", "text", "stage", "error", "attempt")
        }


def read_ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map` in order with a few calls in flight: an object store is slow to answer but serves many requests at once."""
    with ThreadPoolExecutor(_READ_AHEAD) as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > _READ_AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:  # a caller that stops early waits only for calls already running
            for future in pending:
                future.cancel()


def _table(storage: Storage, path: str, columns: list[str] | None) -> pa.Table:
    try:
        if columns is None:
            return read_table(storage, path)
        with open_table(storage, path) as file:
            return pq.ParquetFile(file).read(columns=columns)  # names that are missing are ignored
    except StorageError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"{storage.url(path)}: damaged, not Parquet ({error}); delete it and run the same command again."
        ) from error


def _pairs(table: pa.Table, first: str, second: str) -> Iterator[tuple[Any, Any]]:
    return zip(table[first].to_pylist(), table[second].to_pylist(), strict=True)
