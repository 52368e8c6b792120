"""What hangs ends its process, as SIGTERM does where the main thread can hear it; what ends in time does not."""

import signal
import subprocess
import sys
import time

import pytest

from tasks.loading.hang_watch import ended_after

WAIT = """
import sys, time
from tasks.loading import hang_watch
hang_watch.GRACE = 0.5
{}
with hang_watch.ended_after(0.2, "a batch"):
    time.sleep(60)
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.mark.parametrize(("prelude", "code"), [("", -signal.SIGTERM), (DEAF, 1)])
def test_what_hangs_ends_the_process_with_a_sentence(prelude: str, code: int) -> None:
    command = [sys.executable, "-c", WAIT.format(prelude)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code
    assert "--batch-timeout 0.2: a batch took longer. This process ends; no row is lost" in done.stderr


@pytest.mark.parametrize("seconds", [None, 0.2])
def test_what_ends_in_time_goes_on(seconds: float | None) -> None:
    with ended_after(seconds, "a batch"):
        pass
    time.sleep(0.4)
