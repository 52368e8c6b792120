"""SIGTERM, as a spot machine or `kubectl delete` sends it: the shard in hand is dropped, and the lock given back."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.runs import Outcome, files, table, write_prompts
from tests.integration.s3 import S3

pytestmark = pytest.mark.slow
Mill = Callable[..., Outcome]

ENDLESS = 300  # seconds of a stage that a machine that is taken away has no time for
PATIENCE = 120

SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
from pathlib import Path
import flows.render as render
from flows.lanes.pipeline import Stage
from flows.cli.main import main

mark = Path(sys.argv.pop())

def linger(setting, pending, work):
    if pending.name == "00002":
        mark.touch()
        time.sleep({endless})
    return work

render.PIPELINE = (*render.PIPELINE[:-1], Stage("linger", linger), render.PIPELINE[-1])
main()
"""


def started(prompts: str, out: str, mark: Path) -> "subprocess.Popen[str]":
    options = ["render", prompts, "--out", out, "--generator", "dummy", "--shard-size", "4", "--no-report"]
    command = [sys.executable, "-c", SLOW.format(endless=ENDLESS), *options, str(mark)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE
    while not mark.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_end_gives_its_lock_back_within_ten_seconds(
    bucket: str, s3: S3, tmp_path: Path, imagemill: Mill, number: int
) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 40)
    process = started(prompts, bucket, tmp_path / "mark")
    begun = time.monotonic()
    process.send_signal(number)
    try:
        process.wait(60)
    finally:
        process.kill()
    assert time.monotonic() - begun < 10
    assert process.returncode != 0
    assert "Traceback" not in process.communicate()[1]
    assert not [name for name in files(bucket) if "lock" in name]
    done = imagemill("render", prompts, "--out", bucket, "--generator", "dummy", "--shard-size", 4, "--no-report")
    assert done.code == 0, done.err
    assert sorted(table(bucket, "metadata")["row"].to_pylist()) == list(range(40))
