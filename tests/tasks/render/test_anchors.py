"""Levels of rows that follow rows: any order, circles, long chains, and many rows on one anchor in little memory."""

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.prompts.prompt_files import find_input
from tasks.prompts.shards import cut_evenly
from tasks.render.anchors import MISSING, MOST_LEVELS, Anchors, named_rows
from tasks.render.survey import anchored
from tasks.runfolder.storage import Storage


def by_hand(edges: dict[int, set[int]], row: int, seen: tuple[int, ...] = ()) -> int:
    """A row's level by recursion; a large number in a circle."""
    if row in seen:
        return 10_000
    anchors = edges.get(row, set()) - {MISSING}
    return max((1 + by_hand(edges, anchor, (*seen, row)) for anchor in anchors), default=0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(-1, 7)), max_size=12))
def test_levels_are_those_found_by_hand(pairs: list[tuple[int, int]]) -> None:
    pairs = sorted(pairs, key=lambda pair: pair[0])
    rows, anchors = np.array([r for r, _ in pairs], np.int64), np.array([a for _, a in pairs], np.int64)
    found = Anchors(8, rows, anchors)
    edges: dict[int, set[int]] = {}
    for row, anchor in pairs:
        edges.setdefault(row, set()).add(anchor)
    for row in range(8):
        level = by_hand(edges, row)
        assert int(found.levels[row]) == (level if level < MOST_LEVELS else -1)
    cuts = found.cuts(cut_evenly(8, 3))
    for start, stop in itertools.pairwise(cuts.tolist()):
        assert len({found.level(row) for row in range(start, stop)}) == 1


def test_a_chain_that_is_too_long_ends_in_rows_that_cannot_be_made() -> None:
    rows = np.arange(1, 100, dtype=np.int64)
    found = Anchors(100, rows, rows - 1)
    assert found.levels[MOST_LEVELS - 1] == MOST_LEVELS - 1
    assert set(found.levels[MOST_LEVELS:].tolist()) == {-1}
    assert len(found.circle(99)) <= MOST_LEVELS + 2


def test_1e5_rows_on_one_anchor_are_planned_in_little_memory(tmp_path: Path) -> None:
    count = 100_000
    ids = [f"r{i}" for i in range(count)]
    table = pa.table({"id": ids, "text": ["a fox"] * count, "reference_row": [None, *["r0"] * (count - 1)]})
    pq.write_table(table, tmp_path / "rows.parquet")
    found = find_input(str(tmp_path / "rows.parquet"), Storage(str(tmp_path / "spool")))
    tracemalloc.start()
    anchors = anchored(found)
    assert anchors is not None
    cuts = anchors.cuts(cut_evenly(count, 256))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert anchors.made_levels == 2
    assert cuts[:3].tolist() == [0, 1, 256], "the anchor is a shard of its own"
    assert anchors.of(77_777) == [0]
    assert peak < 60_000_000  # of which a batch of 65,536 ids as Python's texts is the most


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, []),
        ("", []),
        ("a", ["a"]),
        (7, ["7"]),
        (["a", None, "b"], ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ("[a", ["[a"]),
    ],
)
def test_a_cell_names_rows_in_many_ways(value: object, names: list[str]) -> None:
    assert named_rows(value) == names
