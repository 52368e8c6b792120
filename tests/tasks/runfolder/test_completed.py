"""Complete shards: thousands of them are folded, and a run that is carried on trusts what was folded."""

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.runfolder.commit import Outcome, outcome_to_json
from tasks.runfolder.completed import Folding, complete_shards, read_outcomes, total
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filenames import name_digits, shard_name
from tasks.runfolder.storage import Storage

NAMES = [shard_name(index) for index in range(2003)]


def outcome(index: int) -> Outcome:
    return Outcome(4, 3, 1, {"read": 0.5}, index % 2, failed={"read": 1}, reasons={f"read: {index % 3}": 1})


def table_file() -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table({"row": pa.array([1], pa.int64())}), content)
    return content.getvalue()


def write_shards(root: Path, names: Iterable[str], content: bytes) -> None:
    for folder in ("metadata", "timings"):
        (root / folder).mkdir(exist_ok=True)
    for name in names:
        (root / f"metadata/{name}.parquet").write_bytes(content)
        (root / f"timings/{name}.json").write_bytes(outcome_to_json(outcome(int(name))))


@pytest.fixture
def run(tmp_path: Path) -> Storage:
    write_shards(tmp_path, NAMES, table_file())
    return Storage(str(tmp_path))


def test_what_was_folded_is_read_from_there_alone(run: Storage, tmp_path: Path) -> None:
    Folding(run, complete_shards(run))
    assert run.list("folded") == ["folded/00.parquet", "folded/01.parquet"]
    for name in NAMES[:2000]:
        (tmp_path / f"timings/{name}.json").unlink()
        (tmp_path / f"metadata/{name}.parquet").write_bytes(b"nobody looks into it")
    assert complete_shards(run) == {*NAMES}
    whole = list(read_outcomes(run, NAMES))
    assert len(whole) == 2 + 3
    assert replace(total(whole), reasons={}) == replace(total([outcome(i) for i in range(2003)]), reasons={})


def test_a_thousand_is_folded_when_its_last_shard_is_complete(run: Storage) -> None:
    folding = Folding(run, NAMES[1:1000])
    assert run.list("folded") == []
    folding.add(NAMES[0])
    assert run.list("folded") == ["folded/00.parquet"]


def test_what_a_shard_that_is_done_again_came_to_is_forgotten(run: Storage, tmp_path: Path) -> None:
    Folding(run, NAMES)
    (tmp_path / "metadata/01500.parquet").unlink()
    complete = complete_shards(run)
    assert complete == {*NAMES} - {"01500"}
    assert len(list(read_outcomes(run, complete))) == 1 + 999 + 3
    Folding(run, complete)
    assert run.list("folded") == ["folded/00.parquet"]


def test_a_damaged_table_of_a_thousand_that_is_not_folded_is_done_again(run: Storage, tmp_path: Path) -> None:
    (tmp_path / "metadata/00007.parquet").write_bytes(b"cut")
    assert complete_shards(run) == {*NAMES} - {"00007"}


def test_a_damaged_fold_is_named(run: Storage, tmp_path: Path) -> None:
    Folding(run, NAMES)
    (tmp_path / "folded/01.parquet").write_bytes(b"cut")
    with pytest.raises(BadInput, match=r"folded/01.parquet: damaged; delete it"):
        list(read_outcomes(run, NAMES))


def test_names_sort_as_shards_do_however_many_there_are() -> None:
    digits = name_digits(100_001)
    names = [shard_name(index, digits) for index in (0, 99_999, 100_000)]
    assert names == sorted(names) and len({len(name) for name in names}) == 1
    assert (name_digits(1), name_digits(100_000), shard_name(7)) == (5, 5, "00007")
