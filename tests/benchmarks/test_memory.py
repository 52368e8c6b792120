"""The benchmark of memory ends a run once it has made enough, and tells its peak."""

import subprocess
import sys

MEASURE = "from benchmarks.memory import peak_memory; print(peak_memory(2000, 16, 2, 'column', pictures=1))"


def test_the_peak_is_that_of_a_process_with_its_models() -> None:
    """From a small process: Linux counts what a parent holds at the fork as its child's."""
    done = subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True)
    assert 100e6 < int(done.stdout) < 1.5e9
