"""Whatever file of prompts is given: rows in are prompts or failures, each once, or the file is refused in a sentence.

`tests/fuzzing.py` says how to try ten thousand.
"""

import csv
import datetime
import decimal
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from tasks.prompts.prompt_files import find_input
from tasks.prompts.shards import SHARD_PIXELS, cut_by_pixels, cut_evenly, mark_duplicates, shards_between
from tasks.prompts.whole_input import Input
from tasks.render.options import ReadOptions
from tasks.render.read import read
from tasks.render.shard_state import RenderShard
from tasks.render.survey import duplicate_rows, row_pixels
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError
from tests.fuzzing import fuzzed

ALPHABET = st.characters(codec="utf-8")
TEXTS = st.text(ALPHABET, max_size=12) | st.sampled_from(["NA", "null", "00123", "1e5", '"', '""', "a,b", "a\nb", "\0"])
IDS = st.sampled_from(["a", "b", "a~0", "a~1", "", "~1", "é"]) | TEXTS
NUMBERS = st.none() | st.integers(-5, 5000) | st.floats() | st.sampled_from(["64", "512.0", "wide", "1_0", "", "NaN"])
COLUMNS = [
    "id",
    "text",
    "Prompt",
    "caption",
    "seed",
    "width",
    "height",
    "count",
    "steps",
    "image",
    "input_image",
    "x y",
]
KINDS = st.sampled_from(
    [
        pa.int8(),
        pa.uint64(),
        pa.int64(),
        pa.float32(),
        pa.float64(),
        pa.bool_(),
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.binary_view(),
        pa.binary(16),
        pa.null(),
        pa.uuid(),
        pa.decimal128(10, 2),
        pa.date32(),
        pa.timestamp("ns"),
        pa.timestamp("us", "UTC"),
        pa.time64("us"),
        pa.duration("s"),
        pa.dictionary(pa.int8(), pa.string()),
        pa.list_(pa.string()),
        pa.list_(pa.string_view()),
        pa.list_view(pa.int32()),
        pa.struct({"a": pa.int64(), "b": pa.list_(pa.string_view())}),
        pa.map_(pa.string(), pa.int32()),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)


def rows_read(found: Input, options: ReadOptions) -> list[RenderShard]:
    """Plans and reads the input as a run does."""
    size = (64, 64)
    pixels = row_pixels(found, options, size)
    cuts = cut_evenly(found.rows, 4) if pixels is None else cut_by_pixels(pixels, 4, SHARD_PIXELS, 2)
    assert cuts[-1] == found.rows
    assert np.all(np.diff(cuts) > 0)
    shards = mark_duplicates(shards_between(cuts), duplicate_rows(found, options.count))
    return [read(found, shard, options, size) for shard in shards]


def check(folder: str, name: str, count: int = 1) -> list[RenderShard]:
    """Asserts that every row is one prompt or one failure, no two pictures have one id, and no error is another's."""
    with tempfile.TemporaryDirectory() as spool:
        try:
            found = find_input(f"{folder}/{name}", Storage(spool))
            works = rows_read(found, ReadOptions(count=count))
        except (BadInput, StorageError) as error:
            assert "\n" not in str(error)
            assert folder in str(error)
            return []
    rows = [prompt.row for work in works for prompt in work.prompts]
    rows += [failure.row for work in works for failure in work.failures]
    assert sorted(rows) == list(range(found.rows))
    ids = [
        prompt.id if len(prompt.seeds) == 1 else f"{prompt.id}~{i}"
        for work in works
        for prompt in work.prompts
        for i in range(len(prompt.seeds))
    ]
    assert len(set(ids)) == len(ids)
    return works


def column_of(kind: pa.DataType, values: list[Any]) -> pa.Array:
    """The values as that kind where they can be, else nothing; sometimes text that is not UTF-8."""
    made = []
    for value in values:
        try:
            made.append(pa.array([value]).cast(pa.string()).cast(kind)[0].as_py())
        except (pa.ArrowException, ValueError, OverflowError, TypeError):
            made.append(None)
    try:
        return pa.array(made, kind)
    except (pa.ArrowException, ValueError, OverflowError, TypeError):
        return pa.nulls(len(values), kind)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 9))
    names = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=5, unique=True))
    columns = []
    for name in names:
        if name in {"text", "Prompt", "caption"} and draw(st.integers(0, 9)):
            content = draw(st.lists(st.binary(max_size=4) | TEXTS.map(str.encode), min_size=rows, max_size=rows))
            columns.append(pa.array(content, pa.binary()).view(pa.string()))
        elif name == "id":
            columns.append(column_of(draw(KINDS), draw(st.lists(IDS, min_size=rows, max_size=rows))))
        else:
            columns.append(column_of(draw(KINDS), draw(st.lists(NUMBERS | TEXTS, min_size=rows, max_size=rows))))
    return pa.table(columns, names=names)


@fuzzed()
@given(st.lists(tables(), min_size=1, max_size=3), st.integers(1, 3))
def test_parquet_of_any_types(some: list[pa.Table], count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for i, table in enumerate(some):
            pq.write_table(table, f"{folder}/{i}.parquet", row_group_size=3)
        check(folder, "*.parquet" if len(some) > 1 else "0.parquet", count)


@fuzzed()
@given(
    st.lists(st.lists(TEXTS | IDS, min_size=2, max_size=2), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_csv_that_is_written_well_comes_back_as_it_is(rows: list[list[str]], delimiter: str, end: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["text", "note"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.csv").write_bytes(written.getvalue().encode())
        works = check(folder, "a.csv")
    if not works and "\0" in written.getvalue():
        return  # taken for UTF-16, of which it has as many zeros
    failed = [failure for work in works for failure in work.failures]
    assert all("closes in another row" in failure.error for failure in failed)  # rows that look like several
    if not failed:
        assert [prompt.text for work in works for prompt in work.prompts] == [row[0] or None for row in rows]
        assert [row["note"] for work in works for row in work.carried.to_pylist()] == [row[1] or None for row in rows]


@fuzzed()
@given(st.lists(st.text(st.sampled_from('ab1",;\n\r\t é'), max_size=20), max_size=12), st.sampled_from(["csv", "tsv"]))
def test_csv_of_any_characters(lines: list[str], kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"a.{kind}").write_bytes("\n".join(["id,text" if kind == "csv" else "id\ttext", *lines]).encode())
        works = check(folder, f"a.{kind}")
    plain = [line for line in lines if line.strip() and '"' not in line and "\r" not in line and "\n" not in line]
    read = sum(len(work.prompts) + len(work.failures) for work in works)
    assert not works or read >= len(plain) - sum('"' in line for line in lines), "a line without a quote is a row"


@fuzzed()
@given(
    st.lists(st.dictionaries(st.sampled_from(COLUMNS) | TEXTS, JSON, max_size=4), max_size=8),
    st.sampled_from(["jsonl", "json", "array"]),
    st.booleans(),
)
def test_json_of_any_values(rows: list[dict[str, Any]], form: str, compressed: bool) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    content = f"[{', '.join(lines)}]" if form == "array" else "\n".join(lines)
    data = content.encode("utf-8", "surrogatepass")
    name = "a.jsonl" if form == "jsonl" else "a.json"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name + ".gz" * compressed).write_bytes(gzip.compress(data) if compressed else data)
        works = check(folder, name + ".gz" * compressed)
    assert not works or sum(len(work.prompts) + len(work.failures) for work in works) == len(rows)


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


SEEDS = {
    "a.parquet": _parquet(pa.table({"id": ["1", "2"], "text": ["a cat", "a dog"], "count": [1, 2]})),
    "a.csv": b'id,text\n1,a cat\n2,"a, dog"\n3,"two\nlines"\n',
    "a.jsonl": '{"id": 1, "text": "a cat"}\n{"id": 2, "text": "一只猫", "x": [1]}\n'.encode(),
    "a.json": b'[{"text": "a cat"}, {"text": "a dog", "x": {"a": null}}]',
    "a.txt": "a cat\n一只猫\n".encode(),
    "a.csv.gz": gzip.compress(b"text\na cat\na dog\n", mtime=0),
    "b.csv": "text\na cat\n一只猫\n".encode("utf-16"),
    "c.csv": "text\n一只猫\n一朵红花\n".encode("gbk"),
}


@fuzzed()
@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=4),
)
def test_damaged_files(name: str, changes: list[tuple[float, bytes, int]]) -> None:
    """Bytes put in, taken out and replaced anywhere, but for Parquet's footer: Arrow checks no more than its length."""
    data = bytearray(SEEDS[name])
    end = 150 if name == "a.parquet" else len(data)
    for place, put, taken in changes:
        at = int(place * end)
        same = min(taken, len(put)) if name == "a.parquet" else None  # the footer stays where it is
        data[at : at + (taken if same is None else same)] = put[:same]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(data)
        check(folder, name)


def test_the_kinds_hold_values() -> None:
    """The tables above are not all nulls."""
    assert column_of(pa.string_view(), ["a"]).to_pylist() == ["a"]
    assert column_of(pa.decimal128(10, 2), ["1.5"]).to_pylist() == [decimal.Decimal("1.50")]
    assert column_of(pa.date32(), ["2024-05-01"]).to_pylist() == [datetime.date(2024, 5, 1)]
