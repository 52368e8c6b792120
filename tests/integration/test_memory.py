"""Peak memory does not grow with the input: 1.2 times at most, for a hundred times the rows.

    IMAGEMILL_MEMORY_ROWS=1000000 pytest tests/integration/test_memory.py -s

is the full size (by default a twentieth of it, to spare time).
"""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.integration.runs import write_prompts

FEW = 10_000
MANY = int(os.environ.get("IMAGEMILL_MEMORY_ROWS", "50000"))


def peak_memory(rows: int, folder: Path) -> int:
    """Bytes that a run over so many rows holds at most (resident set, the largest of its processes)."""
    # Chinese only: English takes the tagger twenty times as long.
    prompts = write_prompts(str(folder / f"{rows}.parquet"), rows, row_group=50_000, english=False)
    run = folder / f"run{rows}"
    options = ["--generator", "dummy", "--layout", "dummy", "--width", "16", "--height", "16", "--no-report"]
    command = [sys.executable, "-m", "flows", "render", prompts, "--out", str(run), "--shard-size", "256", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert sum(pq.read_metadata(shard).num_rows for shard in (run / "metadata").iterdir()) == rows
    return used.ru_maxrss * 1024


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    few, many = peak_memory(FEW, tmp_path), peak_memory(MANY, tmp_path)
    print(f"{FEW} rows: {few / 2**20:.0f} MB, {MANY} rows: {many / 2**20:.0f} MB, ratio {many / few:.3f}")
    assert many <= 1.2 * few
