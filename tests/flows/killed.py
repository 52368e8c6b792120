"""A training in a process of its own, killed as soon as it can be carried on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def train_until_killed(code: str, *arguments: str, state: Path) -> None:
    """Runs Python code with arguments, and kills it at once when `state` is there."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())}) as process:
        deadline = time.monotonic() + 120
        while not state.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert state.exists()
