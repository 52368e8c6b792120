"""A row of a text file, and the Parquet file that rows of any kind become."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

LINE, PROBLEM = "imagemill:line", "imagemill:problem"
"""Columns of the Parquet file beside the rows' own: the line that a row begins on, and why it could not be read."""
HIDDEN = pa.schema({LINE: pa.int64(), PROBLEM: pa.string()})
AT_ONCE = 1024  # rows


class Row(NamedTuple):
    """Line number, values by column, and what is wrong with the row, if it cannot be read."""

    line: int
    values: Mapping[str, Any]
    problem: str | None = None


def bad(line: int, problem: str) -> Row:
    return Row(line, {}, problem)


def write_rows(rows: Iterable[Row], schema: pa.Schema, path: str) -> int:
    """Writes rows as Parquet as they come, a block at a time; returns how many."""
    count = 0
    whole = pa.schema([*schema, *HIDDEN])
    with pq.ParquetWriter(path, whole, compression="zstd") as writer:
        for block in blocks(rows):
            writer.write_batch(_batch(block, schema, whole))
            count += len(block)
    return count


def blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while block := list(islice(iterator, AT_ONCE)):
        yield block


def _batch(block: list[Row], schema: pa.Schema, whole: pa.Schema) -> pa.RecordBatch:
    try:
        columns = _columns(block, schema)
    except (pa.ArrowException, UnicodeError, OverflowError, ValueError, TypeError):
        block = [_checked(row, schema) for row in block]
        columns = _columns(block, schema)
    lines = pa.array([row.line for row in block], pa.int64())
    problems = pa.array([row.problem for row in block], pa.string())
    return pa.RecordBatch.from_arrays([*columns, lines, problems], schema=whole)


def _columns(block: list[Row], schema: pa.Schema) -> list[pa.Array]:
    return [pa.array([row.values.get(field.name) for row in block], field.type) for field in schema]


def _checked(row: Row, schema: pa.Schema) -> Row:
    """The row, or a bad one if a value of it has no place in its column."""
    for field in schema:
        try:
            pa.array([row.values.get(field.name)], field.type)
        except UnicodeError:
            return bad(row.line, f"column {field.name!r} holds half a character (a lone surrogate)")
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            value = str(row.values.get(field.name))[:40]
            return bad(row.line, f"column {field.name!r} holds {value!r}, where other rows have {field.type}")
    return row
