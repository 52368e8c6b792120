"""Processor time is counted whoever spent it, from the moment that is asked for."""

import subprocess
import sys
import time

from benchmarks.processor import Meter

BUSY = "import time\nwhile time.process_time() < {}: pass"


def run(seconds: float) -> None:
    subprocess.run([sys.executable, "-c", BUSY.format(seconds)], check=True)


def test_a_process_that_has_ended_still_counts() -> None:
    with Meter() as meter:
        begin = time.time()
        run(2.5)
    assert 1.2 < meter.since(begin) < 4


def test_what_was_spent_before_the_moment_does_not_count() -> None:
    with Meter() as meter:
        run(1.5)
        begin = time.time()
        time.sleep(1.2)
    assert meter.since(begin) < 0.5
