"""The same checkpoint and prompts through imagemill and through what one would use instead, in one run, by turns.

    python -m benchmarks.peers                                   # 160 prompts, a tiny SDXL, 3 rounds
    python -m benchmarks.peers --rows 48 --rounds 1 --json       # needs: pip install 'imagemill[bench,ray,diffusers]'

Every way writes a PNG a row and Parquet of metadata. `bare` calls the plain pipeline on the same batches and throws its
tensors away, so it is the floor of all others. What a way does before its first batch (imports, servers, a worker's own
copy of the model) is its start: shown apart and not in the ratios, as all ways run on for hours where it matters.

Each is measured by the clock and by the processor: its own process and what it started (Ray's daemons and workers,
Prefect's server, also what that still stores after the run), not what the other ways started.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import pandas as pd
import psutil
import torch
from cyclopts import Parameter, run
from rich.console import Console
from rich.table import Table

from benchmarks import processor
from benchmarks.prompts import write_prompts
from flows import runtime
from tests.models.diffusers_checkpoints import write_checkpoint

BATCH = 8


@dataclass(frozen=True)
class Work:
    """What all ways do."""

    checkpoint: str
    prompts: str
    size: int
    steps: int
    threads: int
    """Of torch, which workers and other threads would choose for themselves."""
    root: int
    """The process of the benchmark."""
    others: tuple[int, ...] = ()
    """Children of it that this way has nothing to do with."""

    def now(self) -> "Moment":
        return Moment(time.time(), processor.seconds(self.root, self.others))


class Moment(NamedTuple):
    """Seconds since the epoch, and processor seconds of all that a way runs on."""

    clock: float
    processor: float


@dataclass
class Way:
    """Seconds of each round without the start, of the processor and of the clock, and the clock's of the start."""

    processor: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)

    def ratio(self, bare: "Way", of: str) -> float:
        """Over `bare` in the same round, the median over the rounds."""
        return median(mine / its for mine, its in zip(getattr(self, of), getattr(bare, of), strict=True))


class Painter:
    """A diffusers pipeline as the peers use it: prompts and seeds to files, and the moment the first batch began."""

    def __init__(self, work: Work, out: str) -> None:
        import diffusers

        diffusers.utils.logging.disable_progress_bar()
        self.work, self.out = work, Path(out)
        torch.set_num_threads(work.threads)
        self.pipe = diffusers.DiffusionPipeline.from_pretrained(work.checkpoint)
        self.pipe.set_progress_bar_config(disable=True)
        self.begun: Moment | None = None

    def paint(self, texts: list[str], seeds: list[int], output_type: str) -> Any:
        noise = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        size = {"width": self.work.size, "height": self.work.size, "num_inference_steps": self.work.steps}
        return self.pipe(prompt=texts, generator=noise, output_type=output_type, **size).images

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Writes the pictures of a batch of columns id, text, seed; returns their metadata."""
        self.begun = self.begun or self.work.now()
        if torch.get_num_threads() != self.work.threads:  # a setting of the calling thread, not of the process
            torch.set_num_threads(self.work.threads)
        ids, texts, seeds = (list(batch[name]) for name in ("id", "text", "seed"))
        made = self.paint(texts, seeds, "pil")
        paths = [str(self.out / "images" / f"{id}.png") for id in ids]
        for image, path in zip(made, paths, strict=True):
            image.save(path)
        begun = [self.begun] * len(ids)
        return {"id": ids, "text": texts, "seed": [int(seed) for seed in seeds], "image": paths, "begun": begun}


def bare(work: Work, painter: Painter) -> Moment:
    """The model alone, on whole batches; pictures are thrown away."""
    painter.work = work
    frame = pd.read_parquet(work.prompts)
    began = work.now()
    for i in range(0, len(frame), BATCH):
        rows = frame.iloc[i : i + BATCH]
        painter.paint(list(rows["text"]), list(rows["seed"]), "pt")
    return began


def loop(work: Work, out: Path, painter: Painter, batch: int) -> Moment:
    """A plain loop; returns when the first batch began."""
    painter.work, painter.out, painter.begun = work, out, None
    frame = pd.read_parquet(work.prompts)
    rows = [painter(frame.iloc[i : i + batch].to_dict("list")) for i in range(0, len(frame), batch)]
    pd.concat([pd.DataFrame(row) for row in rows]).to_parquet(out / "metadata.parquet")
    return _first(rows[0]["begun"])


def _first(begun: Iterable[Sequence[float]]) -> Moment:
    return Moment(*min(map(tuple, begun)))


def ray_data(work: Work, out: Path) -> Moment:
    import ray

    cores = os.cpu_count() or 1
    dataset = ray.data.read_parquet(work.prompts).map_batches(
        Painter, fn_constructor_args=(work, str(out)), batch_size=BATCH, compute=ray.data.ActorPoolStrategy(size=1),
        num_cpus=max(1, cores - 1), runtime_env={"env_vars": {"OMP_NUM_THREADS": str(torch.get_num_threads())}},
    )  # fmt: skip
    dataset.write_parquet(str(out / "metadata"))
    return _first(pd.read_parquet(out / "metadata")["begun"])


def hf_datasets(work: Work, out: Path, painter: Painter) -> Moment:
    import datasets

    datasets.disable_progress_bars()
    painter.work, painter.out, painter.begun = work, out, None
    data = datasets.Dataset.from_parquet(work.prompts, cache_dir=str(out / "cache"))
    data = data.map(painter, batched=True, batch_size=BATCH, new_fingerprint=f"turn{time.time_ns()}")
    data.to_parquet(str(out / "metadata.parquet"))
    assert painter.begun is not None
    return painter.begun


def daft_frame(work: Work, out: Path) -> Moment:
    import daft

    moment = daft.DataType.list(daft.DataType.float64())
    made = daft.DataType.struct({"image": daft.DataType.string(), "begun": moment})

    class Paint:
        def __init__(self) -> None:
            self.painter = Painter(work, str(out))

        @daft.method.batch(return_dtype=made, batch_size=BATCH)
        def paint(self, id: daft.Series, text: daft.Series, seed: daft.Series) -> list[dict[str, Any]]:
            rows = self.painter({"id": id.to_pylist(), "text": text.to_pylist(), "seed": seed.to_pylist()})
            return [{"image": image, "begun": begun} for image, begun in zip(rows["image"], rows["begun"], strict=True)]

    paint = daft.cls(Paint, max_concurrency=1)()
    columns = (daft.col(name) for name in ("id", "text", "seed"))
    frame = daft.read_parquet(work.prompts).with_column("made", paint.paint(*columns))
    frame.write_parquet(str(out / "metadata"))
    return _first(pd.read_parquet(out / "metadata")["made"].str["begun"])


def imagemill(work: Work, out: Path) -> Moment:
    from flows.options import RenderJob
    from flows.render import render

    sizes = {"width": work.size, "height": work.size, "steps": work.steps, "batch_size": BATCH}
    began = work.now()
    made = render(RenderJob(prompts=work.prompts, out=str(out), generator=work.checkpoint, **sizes))
    assert not made.quarantined
    return Moment(began.clock + made.seconds_start, began.processor)  # the start's processor time counts with the rest


def measure(family: str, rows: int, rounds: int, size: int, steps: int, folder: Path) -> dict[str, Any]:
    """Runs every way in turn, in another order each round; returns seconds, starts and ratios."""
    start = time.perf_counter()
    runtime.configure()
    import flows.render  # noqa: F401 - its imports are part of the start

    runtime.wait_for_server()
    started = {"imagemill": time.perf_counter() - start}
    server = _children()
    import ray

    start = time.perf_counter()
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    started["ray data"] = time.perf_counter() - start
    helpers = _children()
    foreign = {"imagemill": tuple(helpers - server), "ray data": tuple(server)}

    checkpoint = write_checkpoint(folder / family, family)
    write_prompts(folder / "prompts.parquet", rows)
    write_prompts(folder / "few.parquet", BATCH)
    few = Work(str(checkpoint), str(folder / "few.parquet"), size, steps, torch.get_num_threads(), os.getpid())
    painter = Painter(few, "")
    ways: dict[str, Callable[[Work, Path], Moment]] = {
        "bare": lambda work, out: bare(work, painter),
        "one by one": lambda work, out: loop(work, out, painter, 1),
        "batched loop": lambda work, out: loop(work, out, painter, BATCH),
        "ray data": ray_data,
        "datasets map": lambda work, out: hf_datasets(work, out, painter),
        "daft": daft_frame,
        "imagemill": imagemill,
    }
    found = {name: Way() for name in ways}
    same: dict[str, int] = {}
    for number in range(rounds + 1):  # the first warms up, with a few rows
        turn = number % len(ways)
        for name in [*list(ways)[turn:], *list(ways)[:turn]]:
            work = replace(few, others=foreign.get(name, tuple(helpers)))
            if number:
                work = replace(work, prompts=str(folder / "prompts.parquet"))
            out = folder / f"{name} {number}"
            (out / "images").mkdir(parents=True)
            if name == "imagemill":
                (out / "images").rmdir()
            begin = time.time()
            began = ways[name](work, out)
            end = work.now()
            if name == "imagemill":
                end = end._replace(processor=processor.settled(work.others))
            if number:
                way = found[name]
                way.processor.append(end.processor - began.processor)
                way.seconds.append(end.clock - began.clock)
                way.start.append(began.clock - begin)
                told = f"{way.processor[-1]:.2f} s of processor, {way.seconds[-1]:.2f} s after {way.start[-1]:.2f} s"
                print(f"round {number}, {name}: {told}", file=sys.stderr)
        if number:
            same = {name: _alike(folder / f"batched loop {number}", folder / f"{name} {number}") for name in ways}
    ray.shutdown()
    return {
        "family": family, "rows": rows, "size": size, "steps": steps, "batch": BATCH, "server and imports": started,
        "threads": torch.get_num_threads(), "cores": os.cpu_count(), "load": os.getloadavg()[0],
        "ways": {
            name: {
                **asdict(way), "ratio": way.ratio(found["bare"], "processor"),
                "clock_ratio": way.ratio(found["bare"], "seconds"), "same_pictures": same[name],
            }
            for name, way in found.items()
        },
    }  # fmt: skip


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def _alike(ours: Path, theirs: Path) -> int:
    """How many pictures of two folders are the same by name and, but for one step of 255, by pixel."""
    from benchmarks.overhead import _pixels

    names = {path.name: path for path in ours.rglob("*.png")}
    found = [(names[path.name], path) for path in theirs.rglob("*.png") if path.name in names]
    return sum(int(abs(_pixels(a).astype(int) - _pixels(b)).max() <= 1) for a, b in found)


def _show(found: dict[str, Any]) -> None:
    rows = found["rows"]
    title = (
        f"{rows} prompts, {found['family']} with random weights, {found['size']} pixels, {found['steps']} steps, "
        f"batches of {found['batch']}, {found['threads']} torch threads, {found['cores']} cores, "
        f"load {found['load']:.1f}"
    )
    table = Table(title=title, title_justify="left")
    for name in ("", "CPU s", "over bare", "each round", "by the clock", "start, s", "same pictures"):
        table.add_column(name, justify="left" if not name else "right")
    for name, way in sorted(found["ways"].items(), key=lambda item: item[1]["ratio"]):
        each = " ".join(f"{seconds:.1f}" for seconds in way["processor"])
        used, start, clock = median(way["processor"]), median(way["start"]), way["clock_ratio"]
        same = "" if name == "bare" else str(way["same_pictures"])
        table.add_row(name, f"{used:.1f}", f"{way['ratio']:.3f}", each, f"{clock:.3f}", f"{start:.2f}", same)
    Console(width=120).print(table)
    before = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found["server and imports"].items())
    print(f"imports and servers, once (seconds): {before}")


def main(
    *,
    family: str = "sdxl",
    rows: int = 160,
    rounds: int = 3,
    size: int = 64,
    steps: int = 8,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Measure imagemill and its peers on the same work.

    Parameters
    ----------
    family
        Of the tiny checkpoint: sd1, sdxl, pixart-sigma, sana, flux and so on.
    rows
        Prompts.
    rounds
        How often each way takes its turn; ratios are medians over the rounds.
    size
        Edge of the pictures in pixels.
    steps
        Denoising steps.
    as_json
        Print the figures as JSON.
    """
    with tempfile.TemporaryDirectory(prefix="imagemill-peers-", ignore_cleanup_errors=True) as folder:
        os.environ["PREFECT_HOME"] = str(Path(folder) / "prefect")
        found = measure(family, rows, rounds, size, steps, Path(folder))
        print(json.dumps(found)) if as_json else _show(found)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run(main)
