"""Packs whole columns of a run for the page to sort, filter, group and search by: own ones and figures alike.

A column is packed by itself, one JSON line a shard, so that the page unpacks it after it has opened and memory holds
one shard. What identifies files and models (digests) and what the listing has are left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from tasks.report.pack import Pack, clip, shown

COLUMN_CHARACTERS = 12_000_000  # of one column of text; a longer one is left out
COLUMN_BYTES = 6_000_000  # of all columns, packed
CLIP_COLUMN = 300  # characters of a value
_LEFT_OUT = {
    *("id", "row", "text", "keywords", "tokens", "pos", "image", "preview", "encoder_text", "settings", "elements"),
    *("explain", "explain_words", "explain_shares", "sha256", "encoder_digest", "generator_digest", "parent_sha256"),
    *("scene_edits", "filters"),
}


@dataclass(frozen=True)
class PackedColumn:
    """A column of the listed pictures: `kind` is `number` or `text`; `varies`: not the same value everywhere."""

    name: str
    kind: str
    varies: bool
    packed: str


@dataclass
class _Column:
    pack: Pack = field(default_factory=Pack)
    kinds: set[str] = field(default_factory=set)
    characters: int = 0
    distinct: set[Any] = field(default_factory=set)

    def add(self, first: int, kind: str, values: list[Any]) -> None:
        if self.characters > COLUMN_CHARACTERS:
            return
        if len(self.distinct) < 2:  # two are enough to know that it varies
            self.distinct |= set(islice(set(values), 2))
        if all(value is None for value in values):
            return
        self.kinds.add(kind)
        self.characters += sum(len(value) if isinstance(value, str) else 8 for value in values)
        self.pack.add({"first": first, "values": values})


class ColumnPacker:
    """Takes a run's shards in order; `finish` gives the columns that have a value, and the names of those too long."""

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}

    def add(self, first: int, table: pa.Table) -> None:
        """Args: first: the number of the table's first picture."""
        for name in table.column_names:
            if name not in _LEFT_OUT:
                kind, values = _values(table[name])
                self._columns.setdefault(name, _Column()).add(first, kind, values)

    def finish(self) -> tuple[list[PackedColumn], list[str]]:
        found, left_out = [], []
        size = 0
        for name, column in sorted(self._columns.items(), key=lambda item: item[1].characters):
            if not column.kinds:
                continue
            packed = column.pack.close()
            if column.characters > COLUMN_CHARACTERS or size + len(packed) > COLUMN_BYTES:
                left_out.append(name)
                continue
            size += len(packed)
            kind = "number" if column.kinds == {"number"} else "text"
            found.append(PackedColumn(name, kind, len(column.distinct) > 1, packed))
        places = {name: place for place, name in enumerate(self._columns)}
        return sorted(found, key=lambda column: places[column.name]), left_out


def _values(column: pa.ChunkedArray) -> tuple[str, list[Any]]:
    kind = column.type
    if pa.types.is_integer(kind):  # those that a number of JavaScript cannot hold go as text
        return "number", [str(v) if v is not None and abs(v) > 2**53 else v for v in column.to_pylist()]
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number", list(_numbers(column))
    texts = (shown(value, kind) for value in column.to_pylist())
    return "text", [clip(" ".join(t) if isinstance(t, list) else t, CLIP_COLUMN) if t else None for t in texts]


def _numbers(column: pa.ChunkedArray) -> Iterator[float | None]:
    for value in column.to_pylist():
        number = math.nan if value is None else float(value)
        yield float(f"{number:.6g}") if math.isfinite(number) else None
