import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.runfolder.errors import BadInput
from tasks.runfolder.lock import locked
from tasks.runfolder.storage import Storage, StorageError

HOLD = "import sys, time; from tasks.runfolder.lock import locked; from tasks.runfolder.storage import Storage\n"
HOLD += "with locked(Storage(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def holder(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_a_killed_one_frees_the_folder(tmp_path: Path) -> None:
    process = holder(tmp_path / "run")
    words = rf"another run is writing here \(process {process.pid} on {socket.gethostname()}\)"
    for _ in range(2):
        with pytest.raises(BadInput, match=words), locked(Storage(str(tmp_path / "run"))):
            pass
    process.kill()
    process.wait()
    time.sleep(0.05)
    with locked(Storage(str(tmp_path / "run"))):
        pass


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    out = Storage(str(tmp_path / "run"))
    with pytest.raises(RuntimeError), locked(out):
        raise RuntimeError
    with locked(out):
        pass


def test_parts_of_a_run_do_not_meet(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    with locked(out, "part-1-of-2"), locked(out, "part-2-of-2"):
        pass


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with (
        pytest.raises(StorageError, match="a file stands where a folder is wanted"),
        locked(Storage(f"{tmp_path}/run")),
    ):
        pass
