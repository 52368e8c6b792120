"""The index of ids finds every repeated one, over however many files."""

import numpy as np
import pytest

from tasks.prompts import id_index
from tasks.prompts.id_index import IdIndex


@pytest.mark.parametrize("rows_a_file", [7, 1000])
def test_repeated_ids_and_names_are_found_as_by_a_dictionary(rows_a_file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_index, "ROWS", rows_a_file)
    draw = np.random.default_rng(0)
    hashes, names = draw.integers(0, 300, 400, np.uint64), draw.integers(0, 400, 50, np.uint64)
    first: dict[int, int] = {}
    again = [row for row, one in enumerate(hashes.tolist()) if first.setdefault(one, row) != row]
    with IdIndex(len(hashes)) as index:
        for start in range(0, 400, 90):
            index.add(hashes[start : start + 90], np.arange(start, min(start + 90, 400)))
        index.ask(names, np.arange(50))
        found, there = index.found()
    assert found.tolist() == again
    expected = {(number, first[one]) for number, one in enumerate(names.tolist()) if one in first}
    assert {(number, row) for number, row in there.tolist()} == expected


def test_nothing_is_found_in_nothing() -> None:
    with IdIndex(0) as index:
        found, there = index.found()
    assert len(found) == len(there) == 0
