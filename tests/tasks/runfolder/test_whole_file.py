"""A file is whole at any time, however many write it at once and whichever of them is killed."""

import contextlib
import errno
import fcntl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.runfolder.whole_file import replacing

HANG = """
import sys, time
from pathlib import Path
from tasks.runfolder.whole_file import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_of_two_that_write_at_a_time_the_last_to_end_is_kept(first_ends_first: bool, tmp_path: Path) -> None:
    target = tmp_path / "x.bin"
    with replacing(target) as first:
        first.write(b"a" * 100_000)
        with contextlib.ExitStack() as stack:
            stack.enter_context(replacing(target)).write(b"b" * 50_000)
            if first_ends_first:
                rest = stack.pop_all()
        if not first_ends_first:
            assert target.read_bytes() == b"b" * 50_000
    assert target.read_bytes() == b"a" * 100_000
    if first_ends_first:
        rest.close()
        assert target.read_bytes() == b"b" * 50_000
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("create", [True, False])
def test_many_that_write_at_once_leave_one_of_their_files_whole(create: bool, tmp_path: Path) -> None:
    """Each reads its own file back before it is named, so that one under another's name would be seen."""
    for attempt in range(60):
        target, at_once = tmp_path / f"{attempt}.bin", threading.Barrier(8)

        def write(number: int, target: Path = target, at_once: threading.Barrier = at_once) -> bool:
            at_once.wait()
            try:
                with replacing(target, create) as file:
                    file.write(bytes([number]) * 1000)
                    file.flush()
                    assert Path(file.name).read_bytes() == bytes([number]) * 1000
            except FileExistsError:
                return False
            return True

        with ThreadPoolExecutor(8) as writers:
            assert sum(writers.map(write, range(8))) == (1 if create else 8)
        data = target.read_bytes()
        assert len(data) == 1000 and len(set(data)) == 1
    assert not list(tmp_path.glob(".*"))


def test_what_a_living_process_writes_is_left_and_what_a_killed_one_left_is_deleted(tmp_path: Path) -> None:
    target, part = tmp_path / "x.bin", tmp_path / ".x.bin.part"
    command = [sys.executable, "-c", HANG, str(target)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    for content in (b"while it lives", b"after it was killed"):
        with replacing(target) as file:
            file.write(content)
        assert target.read_bytes() == content
        assert part.exists() == (process.poll() is None)
        process.kill()
        process.wait(10)
    assert list(tmp_path.iterdir()) == [target]


def test_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    target = tmp_path / "x.bin"
    (tmp_path / ".x.bin.part").write_bytes(b"of somebody who may be alive")
    for name in (target, tmp_path / "y.bin"):
        with replacing(name) as file:
            file.write(b"whole")
        assert name.read_bytes() == b"whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.bin.part", "x.bin", "y.bin"]
