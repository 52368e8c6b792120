"""How soon the command answers: seconds, and their ratio to importing the libraries that a run needs.

    python -m benchmarks.start --rounds 3

Each way runs once a round, one after the other, so that all meet the same machine; the medians are printed.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cyclopts import run as command
from rich.console import Console
from rich.table import Table

BASE = "import prefect, torch"


def seconds(arguments: list[str], code: int) -> float:
    """How long a process takes. Raises RuntimeError if it does not end with `code`."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    if done.returncode != code:
        raise RuntimeError(f"{arguments}: exit code {done.returncode}\n{done.stderr.decode()}")
    return time.perf_counter() - started


def main(*, rounds: int = 3) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        prompts = str(Path(folder, "prompts.parquet"))
        pq.write_table(pa.table({"text": ["a cat", "一朵红花"]}), prompts)
        mill = ["-m", "flows"]
        render = [*mill, "render", prompts, "--out", f"{folder}/run"]
        seconds(render, 0)
        ways = {
            BASE: (["-c", BASE], 0),
            "imagemill --version": ([*mill, "--version"], 0),
            "imagemill --help": ([*mill, "--help"], 0),
            "imagemill render --help": ([*mill, "render", "--help"], 0),
            "refused: no such file": ([*mill, "render", f"{folder}/no.csv", "--out", f"{folder}/no"], 2),
            "refused: changed option": ([*render, "--seed", "1"], 2),
            "nothing to do": (render, 0),
        }
        taken = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                taken[name].append(seconds(*way))
    base = statistics.median(taken[BASE])
    table = Table("", "s", f"ratio to `{BASE}`")
    for name, times in taken.items():
        table.add_row(name, f"{statistics.median(times):.2f}", f"{statistics.median(times) / base:.2f}")
    Console().print(table)


if __name__ == "__main__":
    command(main)
