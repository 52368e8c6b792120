"""The cache's promise: a folder in it is complete or absent."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.cache import made_once


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(folder: Path) -> None:
    (folder / "a").write_text("whole")


def made_by_many(log: str) -> str:
    def make(folder: Path) -> None:
        with Path(log).open("a") as file:
            file.write("made\n")
        write(folder)

    return (made_once("thing", make) / "a").read_text()


def test_a_folder_is_made_the_first_time_only(root: Path) -> None:
    assert made_once("thing", write) == root / "thing"
    assert made_once("thing", lambda folder: pytest.fail("made twice")) == root / "thing"
    assert (root / "thing" / "a").read_text() == "whole"


def test_of_many_processes_at_once_one_makes_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(made_by_many, [str(log)] * 8) == ["whole"] * 8
    assert log.read_text() == "made\n"


def test_a_failure_leaves_nothing(root: Path) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        made_once("thing", fail)
    assert [path.name for path in root.iterdir()] == ["thing.lock"]


def test_a_kill_leaves_nothing_that_could_be_taken_for_whole(root: Path) -> None:
    half = (
        "import time; from models.cache import made_once\n"
        "def make(folder): (folder / 'a').write_text('half'); print('begun', flush=True); time.sleep(60)\n"
        "made_once('thing', make)"
    )
    process = subprocess.Popen([sys.executable, "-c", half], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (root / "thing").exists()
    assert (made_once("thing", write) / "a").read_text() == "whole"
    assert sorted(path.name for path in root.iterdir()) == ["thing", "thing.lock"]


def test_a_cache_that_cannot_be_written_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ValueError, match=r"cannot be written .*set IMAGEMILL_CACHE to a folder that can"):
        made_once("thing", write)
