import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

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


SHORT = """
import resource, sys
from tasks.runfolder.storage import Storage
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))  # the first write beyond is cut, the next one fails
try:
    if sys.argv[2] == "parts":
        Storage(sys.argv[1]).write_parts("x.bin", iter([b"a" * 700_000] * 3))
    else:
        Storage(sys.argv[1]).write("x.bin", b"a" * 2_100_000)
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize("way", ["whole", "parts"])
def test_a_write_that_the_system_cuts_short_leaves_no_file(way: str, tmp_path: Path) -> None:
    """As it does on a nearly full disk, and beyond 2,147,479,552 bytes anywhere."""
    command = [sys.executable, "-c", SHORT, str(tmp_path), way]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "x.bin: storage failed (File too large)" in said
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_keeps_less_than_it_says_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = os.fstat

    class Less:
        st_size = 2

    monkeypatch.setattr(module.os, "fstat", lambda file: Less() if stat(file).st_size == 3 else stat(file))
    with pytest.raises(StorageError, match="holds less than was written"):
        Storage(str(tmp_path)).write("x.txt", b"new")
    assert list(tmp_path.iterdir()) == []


def test_what_is_read_back_must_be_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Storage(str(tmp_path))
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"ne\0")
    with pytest.raises(StorageError, match=r"x\.txt: storage failed \(the disk does not hold what was written"):
        out.write("x.txt", b"new", read_back=True)
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    """Not a pattern, as which fsspec takes it in places."""
    out = Storage(str(tmp_path / "run [1]*"))
    out.write_many({"a/[x].txt": b"1", "a/?.txt": b"2"})
    assert out.list("a") == ["a/?.txt", "a/[x].txt"]
    assert out.read_many(["a/[x].txt", "a/?.txt"]) == {"a/[x].txt": b"1", "a/?.txt": b"2"}
    out.delete("a/?.txt")
    assert out.list("a") == ["a/[x].txt"]


@pytest.mark.parametrize("folder", ["images", "images/00000"])
def test_no_write_follows_a_link_out_of_the_folder(folder: str, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (out / folder).parent.mkdir(parents=True)
    (out / folder).symlink_to(elsewhere)
    for write in (lambda s: s.write("images/00000/x.png", b"1"), lambda s: s.write_parts("images/00000/x.png", [b"1"])):
        with pytest.raises(StorageError, match="a symbolic link out of") as refusal:
            write(Storage(str(out)))
        assert refusal.value.mendable
    assert list(elsewhere.iterdir()) == []


def test_links_within_the_folder_and_to_it_are_followed(tmp_path: Path) -> None:
    (tmp_path / "run" / "disk").mkdir(parents=True)
    (tmp_path / "run" / "images").symlink_to(tmp_path / "run" / "disk")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    Storage(str(tmp_path / "link")).write("images/x.png", b"1")
    assert (tmp_path / "run" / "disk" / "x.png").read_bytes() == b"1"


def test_what_stands_in_the_way_of_a_part_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / ".x.txt.part").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / ".y.txt.part")
    Storage(str(tmp_path)).write_many({"x.txt": b"1", "y.txt": b"2"})
    assert (tmp_path / "precious").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious", "x.txt", "y.txt"]


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    """One would wait for ever, the other has no end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    out = Storage(str(tmp_path))
    for name in ("pipe", "zero"):
        for read in (out.read, out.open, lambda path: out.read_many([path])):
            with pytest.raises(StorageError, match="not a regular file"):
                read(name)


@pytest.mark.parametrize("path", ["../x", "a/../../x"])
def test_no_path_leads_out_of_the_folder(path: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    out = Storage(str(tmp_path / "run"))
    out.write("a/b", b"2")
    for act in (out.read, out.open, out.exists, out.delete, lambda path: out.write(path, b"3")):
        with pytest.raises(StorageError, match="a path out of its folder"):
            act(path)
    assert (tmp_path / "x").read_bytes() == b"1"


def test_a_single_remote_file_is_checked_without_listing_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of a run's tables grow with every shard."""
    out = Storage("memory://checked-alone/run")
    listed: list[str] = []
    monkeypatch.setattr(MemoryFileSystem, "ls", lambda fs, path, **options: listed.append(path) or [])
    out.write("metadata/00000.parquet", b"whole")
    assert listed == []
    assert out.read("metadata/00000.parquet") == b"whole"
    monkeypatch.setattr(MemoryFileSystem, "info", lambda fs, path, **options: {"name": path, "size": 2, "type": "file"})
    with pytest.raises(StorageError, match="2 of 5 bytes arrived"):
        out.write("metadata/00001.parquet", b"whole")


def test_of_two_that_create_a_file_one_does(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    assert out.create("a/x.txt", b"first")
    assert not out.create("a/x.txt", b"second")
    assert out.read("a/x.txt") == b"first"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.txt"]


def test_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    out = Storage(str(tmp_path))
    assert out.create("x.txt", b"first")
    assert not out.create("x.txt", b"second")
    assert out.read("x.txt") == b"first"
