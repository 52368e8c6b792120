import errno
import pickle
from pathlib import Path

import pytest

from tasks.runfolder import storage as module
from tasks.runfolder.storage import Storage, StorageError, explain


def test_what_is_written_is_read(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    out.write_many({"a/b/1.txt": b"one", "a/2.txt": b"two"})
    assert out.read("a/b/1.txt") == b"one"
    assert out.read_many(["a/b/1.txt", "a/2.txt"]) == {"a/b/1.txt": b"one", "a/2.txt": b"two"}
    assert out.list("a") == ["a/2.txt"]
    assert out.list("nowhere") == []


def test_an_interrupted_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Storage(str(tmp_path))
    out.write("x.txt", b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "replace", full)
    with pytest.raises(StorageError, match="the disk is full"):
        out.write("x.txt", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]
    assert out.read("x.txt") == b"old"


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"x\.txt: no such file"):
        Storage(str(tmp_path)).read("x.txt")


def test_other_errors_are_not_explained_away() -> None:
    assert explain(ZeroDivisionError(), "x") is None


def test_it_travels_to_other_processes(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    out.write("x", b"1")
    assert pickle.loads(pickle.dumps(out)).read("x") == b"1"
    error = StorageError("full", mendable=True)
    assert pickle.loads(pickle.dumps(error)).mendable
