"""A shard counts as complete when its tables are there and can be read."""

import errno
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.runfolder.commit import Outcome, commit, is_complete, matches, unmatched
from tasks.runfolder.completed import complete_shards, read_outcomes
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.tables import read_table

METADATA = pa.table({"row": [0, 1], "id": ["a", "b"]})
QUARANTINE = pa.table({"row": [2], "error": ["it is ill"]})


class Shard:
    rows = 3

    def __init__(self, name: str = "00000") -> None:
        self.name = name


def test_committed_shards_are_complete(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    for name, failed in (("00000", QUARANTINE), ("00001", QUARANTINE.slice(0, 0))):
        outcome = commit(out, Shard(name), METADATA, failed, {"write": 0.5}, attempt=1)
        assert (outcome.rows, outcome.pictures, outcome.quarantined) == (3, 2, failed.num_rows)
    assert complete_shards(out) == {"00000", "00001"}
    assert read_table(out, "metadata/00001.parquet").equals(METADATA)


@pytest.mark.parametrize("folder", ["metadata", "quarantine"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 0.99])
def test_a_shard_with_a_table_that_was_cut_is_to_be_done_again(folder: str, share: float, tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    for name in ("00000", "00001"):
        commit(out, Shard(name), METADATA, QUARANTINE, {}, attempt=1)
    path = tmp_path / folder / "00001.parquet"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert complete_shards(out) == {"00000"}


def test_metadata_that_is_not_kept_leaves_the_shard_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Storage(str(tmp_path))
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"another")
    with pytest.raises(StorageError, match="does not hold"):
        commit(out, Shard(), METADATA, QUARANTINE, {}, attempt=1)
    assert complete_shards(out) == set()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"rows": "many"}', b"[" * 100_000])
def test_a_damaged_outcome_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    outcome = commit(out, Shard(), METADATA, QUARANTINE, {"write": 0.5}, attempt=1)
    assert list(read_outcomes(out, ["00000"])) == [replace(outcome, shard="")]
    (tmp_path / "timings" / "00000.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"timings/00000\.json: damaged; delete metadata/00000\.parquet too"):
        list(read_outcomes(out, ["00000"]))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_damaged_table_is_a_sentence(share: float, tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    commit(out, Shard(), METADATA, QUARANTINE, {}, attempt=1)
    path = tmp_path / "metadata" / "00000.parquet"
    data = path.read_bytes()
    middle = bytes(len(data) // 2 - 4) if share else b""
    path.write_bytes(data[:4] + middle + data[len(data) // 2 :] if share else b"")
    with pytest.raises(BadInput, match=r"metadata/00000\.parquet: damaged"):
        read_table(out, "metadata/00000.parquet")


def test_the_first_of_two_commits_is_kept(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    first = commit(out, Shard(), METADATA, QUARANTINE, {"write": 0.5}, attempt=1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    second = commit(out, Shard(), METADATA.slice(0, 1), QUARANTINE.slice(0, 0), {"write": 9.0}, attempt=1)
    assert second == replace(first, seconds={}, discarded=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("first_fails", [(), (2,), (1,), (1, 2)])
@pytest.mark.parametrize("second_fails", [(), (2,), (0,), (0, 1)])
@pytest.mark.parametrize("moment", ["timings", "quarantine", "metadata"])
def test_a_rival_commits_at_any_moment(
    first_fails: tuple[int, ...],
    second_fails: tuple[int, ...],
    moment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two workers of whom other rows fail: each row ends in one table, and all are those of one worker."""
    out, create = Storage(str(tmp_path)), Storage.create

    def commit_with(failed: tuple[int, ...]) -> Outcome:
        rows = [row for row in range(3) if row not in failed]
        made = pa.table({"row": pa.array(rows, pa.int64()), "id": [str(row) for row in rows]})
        why = pa.table({"row": pa.array(failed, pa.int64()), "error": ["it is ill"] * len(failed)})
        return commit(out, Shard(), made, why, {}, attempt=1)

    def interrupted(self: Storage, path: str, data: bytes) -> bool:
        if path.startswith(moment):
            monkeypatch.setattr(Storage, "create", create)
            commit_with(second_fails)
        return create(self, path, data)

    monkeypatch.setattr(Storage, "create", interrupted)
    outcome = commit_with(first_fails)
    made = read_table(out, "metadata/00000.parquet")["row"].to_pylist()
    failed = (
        read_table(out, "quarantine/00000.parquet")["row"].to_pylist() if out.exists("quarantine/00000.parquet") else []
    )
    assert sorted(made + failed) == [0, 1, 2]
    expected = second_fails if outcome.discarded else first_fails
    assert failed == list(expected)
    assert (outcome.pictures, outcome.quarantined) == (len(made), len(failed))
    assert replace(next(read_outcomes(out, ["00000"])), seconds={}, shard="00000") == replace(
        outcome, seconds={}, discarded=False
    )


def test_many_commit_one_shard_at_once(tmp_path: Path) -> None:
    out, at_once = Storage(str(tmp_path)), threading.Barrier(8)

    def race(_: int) -> Outcome:
        at_once.wait()
        return commit(out, Shard(), METADATA, QUARANTINE, {}, attempt=1)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(race, range(8)))
    assert [outcome.discarded for outcome in outcomes].count(False) == 1
    assert read_table(out, "quarantine/00000.parquet").equals(QUARANTINE)
    assert not list(tmp_path.rglob("*.part"))


def test_a_whole_shard_with_a_damaged_quarantine_is_mended(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    for failed in (QUARANTINE, QUARANTINE.slice(0, 0)):
        commit(out, Shard(), METADATA, QUARANTINE, {}, attempt=1)
        (tmp_path / "quarantine" / "00000.parquet").write_bytes(b"PAR1")
        assert not is_complete(out, "00000")
        commit(out, Shard(), METADATA, failed, {}, attempt=1)
        assert is_complete(out, "00000")


def test_a_retry_whose_quarantine_fails_does_not_add_its_rows_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Storage(str(tmp_path))
    commit(out, Shard(), METADATA, QUARANTINE, {}, attempt=1)
    made, delete = pa.table({"row": [2], "id": ["c"]}), Storage.delete

    def fail_once(self: Storage, path: str) -> None:
        monkeypatch.setattr(Storage, "delete", delete)
        raise StorageError("busy", passing=True)

    monkeypatch.setattr(Storage, "delete", fail_once)
    with pytest.raises(StorageError, match="busy"):
        commit(out, Shard(), made, QUARANTINE.slice(0, 0), {}, attempt=2)
    outcome = commit(out, Shard(), made, QUARANTINE.slice(0, 0), {}, attempt=2)
    assert read_table(out, "metadata/00000.parquet")["row"].to_pylist() == [0, 1, 2]
    assert (outcome.pictures, outcome.quarantined) == (3, 0)


def test_a_quarantine_that_another_deletes_meanwhile_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Storage(str(tmp_path))
    commit(out, Shard(), METADATA, QUARANTINE, {}, attempt=1)
    opened = Storage.open

    def late(self: Storage, path: str) -> object:
        (tmp_path / "quarantine/00000.parquet").unlink(missing_ok=True)
        return opened(self, path)

    monkeypatch.setattr(Storage, "open", late)
    assert is_complete(out, "00000")
    out.delete("quarantine/00000.parquet")


def test_a_store_that_fails_while_a_table_is_looked_at_is_a_failure_that_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Storage(str(tmp_path))
    commit(out, Shard(), METADATA, QUARANTINE, {}, attempt=1)

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EREMOTEIO, "We encountered an internal error, please try again.")

    monkeypatch.setattr(Storage, "open", lambda self, path: Failing(b"PAR1" * 100))
    with pytest.raises(StorageError, match=r"00000.parquet: storage failed \(We encountered an internal") as failed:
        is_complete(out, "00000")
    assert failed.value.passing


def test_a_column_of_the_users_that_is_called_match_tells_of_no_picture() -> None:
    assert unmatched(pa.table({"match": pa.array([0.2, 0.9, None], pa.float32())})) == 1
    for other in (pa.table({"match": ["cup final", "semi-final"]}), pa.table({"id": ["a"]})):
        assert matches(other) is None and unmatched(other) == 0
