"""Columns for the page to sort, filter and search by."""

from decimal import Decimal

import pyarrow as pa
import pytest

from tasks.report.columns import ColumnPacker
from tests.tasks.report.test_page import unpack


def test_columns_are_packed_shard_by_shard_by_what_they_hold() -> None:
    packer = ColumnPacker()
    first = {"season": ["spring", None], "price": [Decimal("9.90"), None], "seed": [2**60 + 1, 7], "sha256": ["a", "b"]}
    packer.add(0, pa.table({**first, "score": [float("nan"), 0.25], "same": ["x", "x"], "none": [None, None]}))
    packer.add(2, pa.table({"season": ["summer"], "tags": [["a", "b"]], "same": ["x"]}))
    found, left_out = packer.finish()
    columns = {column.name: column for column in found}
    assert left_out == []
    assert {name: (column.kind, column.varies) for name, column in columns.items()} == {
        "season": ("text", True),
        "price": ("number", True),
        "seed": ("number", True),
        "score": ("number", True),
        "same": ("text", False),
        "tags": ("text", False),
    }
    values = {name: [(part["first"], part["values"]) for part in unpack(c.packed)] for name, c in columns.items()}
    assert values["season"] == [(0, ["spring", None]), (2, ["summer"])]
    assert values["seed"] == [(0, [str(2**60 + 1), 7])]
    assert (values["price"], values["score"]) == ([(0, [9.9, None])], [(0, [None, 0.25])])
    assert values["tags"] == [(2, ["a b"])]


def test_a_column_that_is_too_long_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.report.columns.COLUMN_CHARACTERS", 100)
    packer = ColumnPacker()
    for start in range(0, 4, 2):
        packer.add(start, pa.table({"essay": ["x" * 80, "y" * 80], "short": ["a", "b"]}))
    found, left_out = packer.finish()
    assert ([column.name for column in found], left_out) == (["short"], ["essay"])
