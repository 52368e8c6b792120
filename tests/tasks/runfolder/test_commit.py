"""A shard counts as complete when its tables are there and can be read."""

from pathlib import Path

import pyarrow as pa
import pytest

from tasks.runfolder.commit import commit, complete_shards, read_outcomes, read_table
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError

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
    assert read_outcomes(out, ["00000"]) == {"00000": outcome}
    (tmp_path / "timings" / "00000.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"timings/00000\.json: damaged; delete metadata/00000\.parquet too"):
        read_outcomes(out, ["00000"])


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
