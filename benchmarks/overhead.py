"""What the flow costs over the bare model, and what a plain script loop costs, on the same prompts in one run.

    python -m benchmarks.overhead                                    # 2,000 prompts, the default generator, 3 rounds
    python -m benchmarks.overhead --rows 100 --rounds 1 --generator dummy --json
    python -m benchmarks.overhead --simulated 25 --size 512          # how long a device waits for the flow
    python -m benchmarks.overhead --simulated 1.5 --size 1024 --enhance denoise:0.3,sharpen:0.3

`bare` runs only text encoder and generator on the flow's own batches and encodes each picture as PNG. `plain` is a
typical script: pandas, a loop, Pillow, one metadata file at the end. `flow` is `imagemill render`, report included. All
take turns in one process with the same models and threads; the order changes from round to round.
"""

import atexit
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter, run
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks import processor
from benchmarks.idle import measure_idle, show_idle
from benchmarks.overhead_ways import Models, bare, flow, plain
from benchmarks.prompts import write_prompts
from flows.engine import local_server
from flows.lanes.allocator import keep_freed

WARM_UP = 32  # rows rendered by each way before timing: first calls allocate, import and plan kernels


@dataclass
class Sample:
    """Wall-clock seconds, and CPU seconds of this process and its descendants."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def ratios(self, bare: "Sample", of: str) -> list[float]:
        return [mine / its for mine, its in zip(getattr(self, of), getattr(bare, of), strict=True)]


@contextlib.contextmanager
def _measured(sample: Sample) -> Iterator[None]:
    cpu, start = processor.seconds(), time.perf_counter()
    yield
    sample.seconds.append(time.perf_counter() - start)
    sample.cpu.append(processor.settled() - cpu)


def _from_the_shell(prompts: Path, generator: str, out: Path) -> dict[str, float]:
    """The command once, as typed: wall-clock seconds, including the start of Python and the stop of the server."""
    command = [sys.executable, "-m", "flows", "render", str(prompts), "--out", str(out), "--generator", generator]
    start = time.perf_counter()
    done = subprocess.run([*command, "--json"], check=True, stdout=subprocess.PIPE)
    wall = time.perf_counter() - start
    ran = json.loads(done.stdout)["seconds_run"]
    return {"whole": wall, "run": ran, "around": wall - ran}


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def _compare(ours: Path, theirs: Path) -> int:
    """How many pictures of two folders are identical, by name and pixel."""
    names = {path.name: path for path in ours.rglob("*.png")}
    return sum(
        path.name in names and np.array_equal(_pixels(path), _pixels(names[path.name]))
        for path in theirs.rglob("*.png")
    )


def measure(rows: int, rounds: int, generator: str, folder: Path) -> dict[str, Any]:
    """Runs everything and returns the figures: wall-clock and CPU seconds per round, ratios, start-up."""
    prompts, few = folder / "prompts.parquet", folder / "few.parquet"
    write_prompts(prompts, rows)
    write_prompts(few, min(rows, WARM_UP))
    shell = _from_the_shell(prompts, generator, folder / "shell")

    start = time.perf_counter()
    local_server.configure()
    import flows.render  # noqa: F401 - its imports are part of the start-up

    local_server.wait_for_server()
    imported = time.perf_counter()
    models = Models.load(generator)
    loaded = time.perf_counter()
    flow(few, generator, folder / "warm flow")
    begun = time.perf_counter()

    from models.protocols import USUAL_BATCH
    from tasks.prompts.shards import auto_shard_size

    size = models.generator.size
    shard_size, batch_size = auto_shard_size(rows, size, size, USUAL_BATCH), USUAL_BATCH
    stages: dict[str, float] = {}
    ways: dict[str, Callable[[Path], Any]] = {
        "bare": lambda out: bare(prompts, models, shard_size, batch_size),
        "plain": lambda out: plain(prompts, models, out),
        "flow": lambda out: stages.update(flow(prompts, generator, out)),
    }
    bare(few, models, shard_size, batch_size)
    samples = {name: Sample() for name in ways}
    same = 0
    for number in range(rounds):
        turn = number % len(ways)
        for name in [*list(ways)[turn:], *list(ways)[:turn]]:
            with _measured(samples[name]):
                ways[name](folder / name)
            seconds, cpu = samples[name].seconds[-1], samples[name].cpu[-1]
            print(f"round {number + 1}, {name}: {seconds:.2f} s, {cpu:.2f} CPU s", file=sys.stderr)
        same = _compare(folder / "flow", folder / "plain")
        for name in ("flow", "plain"):
            shutil.rmtree(folder / name)
    return {
        "rows": rows,
        "generator": models.generator.name,
        "encoder": models.encoder and models.encoder.name,
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "same_pictures": same,
        "ways": {
            name: {
                **asdict(sample),
                "ratio": median(sample.ratios(samples["bare"], "seconds")),
                "cpu_ratio": median(sample.ratios(samples["bare"], "cpu")),
            }
            for name, sample in samples.items()
        },
        "flow_stages": stages,
        "start": {"imports and server": imported - start, "models": loaded - imported, "first run": begun - loaded},
        "shell": shell,
    }


def _show(figures: dict[str, Any]) -> None:
    rows = figures["rows"]
    title = (
        f"{rows:,} prompts, generator {figures['generator']}, encoder {figures['encoder'] or 'none'}, "
        f"{figures['threads']} torch threads, {os.cpu_count()} cores, load {figures['load']:.1f}"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in ("seconds", "pictures/s", "over bare", "each round", "CPU seconds", "CPU over bare"):
        table.add_column(name, justify="right")
    for name, way in figures["ways"].items():
        seconds, cpu = median(way["seconds"]), median(way["cpu"])
        rounds = " ".join(f"{value:.1f}" for value in way["seconds"])
        table.add_row(
            name, f"{seconds:.2f}", f"{rows / seconds:.1f}", f"{way['ratio']:.3f}", rounds, f"{cpu:.2f}",
            f"{way['cpu_ratio']:.3f}",
        )  # fmt: skip
    console = Console(width=120)
    console.print(table)
    for name in ("flow_stages", "start", "shell"):
        parts = ", ".join(f"{part} {seconds:.2f}" for part, seconds in figures[name].items())
        console.print(f"{name.replace('_', ' ')} (seconds): {parts}")
    console.print(f"{figures['same_pictures']} of {rows} pictures of plain and flow are the same")


def main(
    *,
    rows: int | None = None,
    rounds: int = 3,
    generator: str = "default",
    simulated: float | None = None,
    size: int = 512,
    enhance: str = "",
    format: str = "png",
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Measure what the flow costs over the bare model.

    Parameters
    ----------
    rows
        Prompts to render; by default 2,000, or what takes a simulated device 40 seconds.
    rounds
        Number of turns of each way; ratios are medians over the rounds.
    generator
        The generator, as `imagemill render --generator`.
    simulated
        Measure instead how long a device that makes this many pictures a second waits for the flow.
    size
        Edge of the simulated device's pictures in pixels.
    enhance
        Enhancement of the simulated device's pictures, as `imagemill render --enhance`.
    format
        Format of the simulated device's pictures, as `imagemill render --format`.
    as_json
        Print the figures as JSON.
    """
    keep_freed()
    folder = Path(tempfile.mkdtemp(prefix="imagemill-overhead-"))
    atexit.register(
        shutil.rmtree, folder, ignore_errors=True
    )  # registered first, so it runs last, once the server has stopped
    os.environ["PREFECT_HOME"] = str(
        folder / "prefect"
    )  # a new one, as on a fresh machine; the user's own is left alone
    if simulated is not None:
        figures = measure_idle(simulated, size, rows, {"enhance": enhance, "format": format}, folder)
    else:
        figures = measure(rows or 2000, rounds, generator, folder)
    if as_json:
        print(json.dumps(figures))
    else:
        (_show if simulated is None else show_idle)(figures)
    if simulated is None and figures["same_pictures"] != figures["rows"]:
        sys.exit("The ways did different work: their pictures differ.")


if __name__ == "__main__":
    run(main)
