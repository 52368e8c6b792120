"""The benchmark of picture files measures every way, and what is claimed of size holds for what it measures."""

import pytest

from benchmarks.picture_files import WAYS, main, measure, photographs


def test_png_is_no_larger_than_pillows() -> None:
    found = measure(photographs(256), 1)
    assert set(found) == set(WAYS)
    assert found["png"][1] <= found["Pillow PNG, level 6"][1]
    assert found["png"][0] < found["Pillow PNG, level 6"][0]


def test_table_names_every_way(capsys: pytest.CaptureFixture[str]) -> None:
    main(size=64, rounds=1)
    told = capsys.readouterr().out
    assert all(name in told for name in WAYS)
