"""The same checkpoint and prompts through imagemill and its alternatives, taking turns in one run.

    python -m benchmarks.peers                                   # 128 prompts, a tiny SDXL, 3 rounds
    python -m benchmarks.peers imagemill daft --rows 48          # only these, beside the two baselines

It needs `pip install 'imagemill[bench,ray,diffusers]'`.

Every way (peer_ways.py) writes one PNG per row and metadata in Parquet. `bare` calls the plain pipeline on the same
batches and discards its tensors; the others are reported as ratios to it. What a way does before its first batch
(imports, servers, a worker's own copy of the model) is its start: shown separately and not part of the ratios, as real
runs last for hours.

Each turn is a new process, warmed up by one batch, as the same way varies between processes. Wall-clock and CPU time
are measured, of that process and all it started (Ray's daemons and workers, Prefect's server), until they idle again.
"""

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import torch
from cyclopts import Parameter, run
from rich.console import Console
from rich.table import Table

from benchmarks.peer_ways import WAYS, Turn, Work, quiet, turn
from benchmarks.prompts import write_prompts
from tests.models.diffusers.checkpoints import write_checkpoint


@dataclass
class Way:
    """CPU and wall-clock seconds of each round without the start, and wall-clock seconds of the start."""

    first: list[float] = field(default_factory=list)
    """Seconds to the end of the warm-up: a new process, imports, servers, the model, one batch."""
    processor: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)

    def ratio(self, bare: "Way", of: str) -> float:
        """Ratio to `bare` in the same round, median over the rounds."""
        return median(mine / its for mine, its in zip(getattr(self, of), getattr(bare, of), strict=True))

    def add(self, done: Turn, first: float) -> None:
        self.first.append(first)
        self.processor.append(done.processor)
        self.seconds.append(done.seconds)
        self.start.append(done.start)


def measure(
    names: Sequence[str], family: str, rows: int, rounds: int, size: int, steps: int, batch: int, folder: Path
) -> dict[str, Any]:
    """Runs the named ways in turn, each round starting with another; returns seconds, starts and ratios."""
    checkpoint = write_checkpoint(folder / family, family)
    write_prompts(folder / "few.parquet", batch)
    write_prompts(folder / "prompts.parquet", rows)
    few = Work(str(checkpoint), str(folder / "few.parquet"), size, steps, batch, torch.get_num_threads())
    work = replace(few, prompts=str(folder / "prompts.parquet"))
    figures = {name: Way() for name in names}
    same: dict[str, int] = {}
    new = multiprocessing.get_context("spawn")
    for number in range(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            with ProcessPoolExecutor(1, new, quiet) as pool:
                begin = time.perf_counter()
                pool.submit(turn, name, few, folder / f"{name} {number} few").result()
                warm = time.perf_counter() - begin
                done = pool.submit(turn, name, work, folder / f"{name} {number}").result()
            figures[name].add(done, warm)
            line = f"{done.processor:.2f} s of processor, {done.seconds:.2f} s after {done.start:.2f} s"
            print(f"round {number + 1}, {name}: {line}", file=sys.stderr)
        same = {name: _alike(folder / f"batched loop {number}", folder / f"{name} {number}") for name in names}
    return {
        "family": family, "rows": rows, "size": size, "steps": steps, "batch": batch,
        "threads": few.threads, "cores": os.cpu_count(), "load": os.getloadavg()[0],
        "ways": {
            name: {
                **asdict(way), "ratio": way.ratio(figures["bare"], "processor"),
                "clock_ratio": way.ratio(figures["bare"], "seconds"), "same_pictures": same[name],
            }
            for name, way in figures.items()
        },
    }  # fmt: skip


def _alike(ours: Path, theirs: Path) -> int:
    """How many pictures of two folders are the same by name and, within one level of 255, by pixel."""
    from benchmarks.overhead import _pixels

    names = {path.name: path for path in ours.rglob("*.png")}
    pairs = [(names[path.name], path) for path in theirs.rglob("*.png") if path.name in names]
    return sum(int(abs(_pixels(a).astype(int) - _pixels(b)).max() <= 1) for a, b in pairs)


def _show(figures: dict[str, Any]) -> None:
    rows = figures["rows"]
    title = (
        f"{rows} prompts, {figures['family']} with random weights, {figures['size']} pixels, {figures['steps']} steps, "
        f"batches of {figures['batch']}, {figures['threads']} torch threads, {figures['cores']} cores, "
        f"load {figures['load']:.1f}"
    )
    table = Table(title=title, title_justify="left")
    for name in (
        "",
        "CPU s",
        "over bare",
        "each round",
        "by the clock",
        "start, s",
        "from nothing, s",
        "same pictures",
    ):
        table.add_column(name, justify="left" if not name else "right")
    for name, way in sorted(figures["ways"].items(), key=lambda item: item[1]["ratio"]):
        each = " ".join(f"{seconds:.1f}" for seconds in way["processor"])
        used, start, clock = median(way["processor"]), median(way["start"]), way["clock_ratio"]
        same = "" if name == "bare" else str(way["same_pictures"])
        row = (
            f"{used:.1f}",
            f"{way['ratio']:.3f}",
            each,
            f"{clock:.3f}",
            f"{start:.2f}",
            f"{median(way['first']):.1f}",
            same,
        )
        table.add_row(name, *row)
    Console(width=120).print(table)


def main(
    *ways: Literal["one by one", "ray data", "datasets map", "daft", "imagemill"],
    family: str = "sdxl",
    rows: int = 128,
    rounds: int = 3,
    size: int = 256,
    steps: int = 4,
    batch: int = 8,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Measure imagemill and its peers on the same work.

    Parameters
    ----------
    ways
        Ways to compare, beside the bare model and the batched loop; by default all.
    family
        Family of the tiny checkpoint: sd1, sdxl, pixart-sigma, sana, flux and so on.
    rows
        Prompts.
    rounds
        Number of turns of each way; ratios are medians over the rounds.
    size
        Edge of the pictures in pixels.
    steps
        Denoising steps.
    batch
        Pictures per batch.
    as_json
        Print the figures as JSON.
    """
    with tempfile.TemporaryDirectory(prefix="imagemill-peers-", ignore_cleanup_errors=True) as folder:
        os.environ["PREFECT_HOME"] = str(Path(folder) / "prefect")
        names = [name for name in WAYS if not ways or name in {*ways, "bare", "batched loop"}]
        figures = measure(names, family, rows, rounds, size, steps, batch, Path(folder))
    print(json.dumps(figures)) if as_json else _show(figures)


if __name__ == "__main__":
    run(main)
