"""Peak memory of `imagemill render` by rows, size and count of pictures.

    python -m benchmarks.memory                               # 1,000 rows; each case until 500 pictures are done
    python -m benchmarks.memory --rows 1000 10000 --pictures 2000
    python -m benchmarks.memory --pictures 0                  # to the end: 100,000 pictures and more a case

The dummy generator makes the pictures, so what is measured is the pipeline. `over`: what the peak is over that of a run
of a few tiny pictures, which has loaded all that a run loads. Sizes and counts are given as options or as columns.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from cyclopts import Parameter
from cyclopts import run as command
from rich.console import Console
from rich.table import Table

SIZES, COUNTS, WAYS = (128, 1024), (1, 100), ("option", "column")


def peak_memory(
    rows: int, size: int, count: int, way: str, pictures: int = 0, layout: str = "dummy", enhance: str = ""
) -> int:
    """Bytes that a run's process holds at most (resident set).

    Args:
        way: whether size and count are given by `option` or by `column`.
        pictures: the run is ended once it has made so many; 0: it goes on to its end.
    """
    asked = {"width": size, "height": size, "count": count}
    with tempfile.TemporaryDirectory() as folder:
        prompts, out = Path(folder, "prompts.parquet"), Path(folder, "run")
        columns = {name: pa.repeat(value, rows) for name, value in asked.items()} if way == "column" else {}
        pq.write_table(pa.table({"text": [f"一朵红花，第{row}号。" for row in range(rows)], **columns}), prompts)
        options = [] if way == "column" else [f"--{name}={value}" for name, value in asked.items()]
        render = [sys.executable, "-m", "flows", "render", str(prompts), "--out", str(out), "--no-report"]
        run = subprocess.Popen(
            [*render, "--generator", "dummy", "--layout", layout, f"--enhance={enhance}", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ended = False
        while pictures and not ended and not os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            time.sleep(0.2)
            if ended := _done(out) >= pictures:
                psutil.Process(run.pid).terminate()
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        if not ended and (run.returncode != 0 or _done(out) != rows * count):
            raise RuntimeError(f"the run failed: exit code {run.returncode}, {_done(out)} pictures")
    return used.ru_maxrss * 1024


def _done(out: Path) -> int:
    return sum(json.loads(file.read_bytes())["pictures"] for file in out.glob("timings/[0-9]*.json"))


def main(
    *,
    rows: Annotated[list[int], Parameter(consume_multiple=True)] = [1000],  # noqa: B006
    pictures: int = 500,
    layout: str = "dummy",
    enhance: str = "",
) -> None:
    """Prints the table, a line a case as it is measured."""
    base = peak_memory(8, 16, 1, "option")
    table = Table("rows", "pixels", "count", "given by", "peak, MB", "over, MB")
    for case in itertools.product(rows, SIZES, COUNTS, WAYS):
        peak = peak_memory(*case, pictures, layout, enhance)
        figures = [f"{case[0]:,}", *map(str, case[1:]), f"{peak / 1e6:,.0f}", f"{(peak - base) / 1e6:,.0f}"]
        print(" ".join(figures), file=sys.stderr, flush=True)
        table.add_row(*figures)
    Console().print(table)


if __name__ == "__main__":
    command(main)
