"""Peak memory does not grow with the input: 1.2 times at most, for a hundred times the rows.

    IMAGEMILL_MEMORY_ROWS=1000000 pytest tests/integration/test_memory.py -s

is the full size (by default a twentieth of it, to spare time).
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli.main import main
from tests.forked import FORKED
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


def _peaks(runs: list[list[str]], told: Path) -> None:
    """The child: does the runs, and tells of each its exit code and the bytes that the process has held at most."""
    peaks = []
    for arguments in runs:
        try:
            main(arguments)
        except SystemExit as end:
            peaks.append(f"{end.code} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}")
    told.write_text("\n".join(peaks))
    os._exit(0)


def test_large_pictures_take_no_more_than_the_bound_whatever_the_count_and_whoever_sets_the_size(
    tmp_path: Path,
) -> None:
    """Of 1024 x 1024 pixels, 100 of them one row's, the others' sizes in columns; `benchmarks.memory` has the table."""
    large = {"width": [1024] * 21, "height": [1024] * 21, "count": [100, *[1] * 20]}
    pq.write_table(pa.table({"text": ["一朵红花"] * 4}), tmp_path / "small.parquet")
    pq.write_table(pa.table({"text": ["一朵红花"] * 21, **large}), tmp_path / "large.parquet")
    options = ["--generator", "dummy", "--layout", "dummy", "--no-report"]
    runs = [
        ["render", str(tmp_path / f"{name}.parquet"), "--out", str(tmp_path / name), *options, *more]
        for name, more in {"small": ["--width", "16", "--height", "16"], "large": []}.items()
    ]
    process = FORKED.Process(target=_peaks, args=(runs, tmp_path / "peaks"))
    process.start()
    process.join(300)
    (small, base), (code, peak) = (map(int, line.split()) for line in (tmp_path / "peaks").read_text().splitlines())
    print(f"over a small run: {(peak - base) / 1e6:.0f} MB")
    assert small == code == 0
    assert pq.read_metadata(tmp_path / "large/metadata/00000.parquet").num_rows == 100
    assert peak - base < 1.2e9
