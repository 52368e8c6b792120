"""The ways that `peers.py` compares: from prompts and seeds through a diffusers checkpoint to PNG and metadata.

Each runs repeatedly in a process of its own, so that everything it starts is a descendant of that process and its CPU
time can be told from the others'. A way returns the time, in seconds since the epoch, when its first batch began.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image

from benchmarks import processor
from flows.lanes.ray_cluster import QUIET, SETTINGS


@dataclass(frozen=True)
class Work:
    """The work, the same for all ways."""

    checkpoint: str
    prompts: str
    size: int
    steps: int
    batch: int
    threads: int
    """Number of torch threads, which workers and other threads would choose for themselves."""


class Turn(NamedTuple):
    """CPU and wall-clock seconds of a turn from the start of its first batch, and wall-clock seconds before that."""

    processor: float
    seconds: float
    start: float


def quiet() -> None:
    """Prepares a way's process: the output of its libraries goes to stderr."""
    os.dup2(2, 1)


def turn(name: str, work: Work, out: Path) -> Turn:
    """One turn of a way, in its process; work that goes on after it has returned counts as its CPU time."""
    with processor.Meter() as meter:
        begin = time.time()
        began = WAYS[name](work, out)
        end = time.time()
        processor.settled()
    return Turn(meter.since(began), end - began, began - begin)


class Painter:
    """A diffusers pipeline as the peers use it: prompts and seeds to files, with the start of the first batch."""

    def __init__(self, work: Work, out: Path) -> None:
        import diffusers
        import transformers

        for library in (diffusers.utils.logging, transformers.utils.logging):
            library.set_verbosity_error()
            library.disable_progress_bar()
        torch.set_num_threads(work.threads)
        self.pipe = diffusers.DiffusionPipeline.from_pretrained(work.checkpoint)
        self.pipe.set_progress_bar_config(disable=True)
        self.take(work, out)

    def take(self, work: Work, out: Path) -> None:
        """Sets the next turn's work."""
        self.work, self.out = work, out
        self.begun: float | None = None

    def paint(self, batch: dict[str, Any], output_type: str) -> Any:
        """The pictures of a batch of columns id, text, seed."""
        self.begun = self.begun or time.time()
        if torch.get_num_threads() != self.work.threads:  # set per calling thread, not per process
            torch.set_num_threads(self.work.threads)
        noise = [torch.Generator().manual_seed(int(seed)) for seed in batch["seed"]]
        size = {"width": self.work.size, "height": self.work.size, "num_inference_steps": self.work.steps}
        return self.pipe(prompt=list(batch["text"]), generator=noise, output_type=output_type, **size).images

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Writes the pictures of a batch; returns their metadata."""
        return save(batch, self.paint(batch, "pil"), self.out, self.begun)


def save(batch: dict[str, Any], images: list[Image.Image], out: Path, begun: float | None) -> dict[str, list[Any]]:
    paths = [str(out / "images" / f"{id}.png") for id in batch["id"]]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    columns = {name: list(batch[name]) for name in ("id", "text", "seed")}
    return {**columns, "image": paths, "begun": [begun] * len(paths)}


@cache
def _loaded(work: Work) -> Painter:
    return Painter(work, Path())


def _painter(work: Work, out: Path) -> Painter:
    """The painter of this process, loaded once: ways that run in this process reuse the model."""
    (out / "images").mkdir(parents=True)
    painter = _loaded(replace(work, prompts=""))
    painter.take(work, out)
    return painter


def bare(work: Work, out: Path) -> float:
    """The model alone, on whole batches; pictures are thrown away."""
    painter = _painter(work, out)
    frame = pd.read_parquet(work.prompts)
    began = time.time()
    for i in range(0, len(frame), work.batch):
        painter.paint(frame.iloc[i : i + work.batch].to_dict("list"), "pt")
    return began


def loop(work: Work, out: Path, batch: int) -> float:
    painter = _painter(work, out)
    frame = pd.read_parquet(work.prompts)
    rows = [painter(frame.iloc[i : i + batch].to_dict("list")) for i in range(0, len(frame), batch)]
    pd.concat([pd.DataFrame(row) for row in rows]).to_parquet(out / "metadata.parquet")
    return min(rows[0]["begun"])


@cache
def _start_ray() -> None:
    import logging

    import ray

    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # Of two CPUs Ray Data gives one to the actor and then has none left to read with. This is what it may schedule;
    # `threads` decides how many threads really run.
    ray.init("local", num_cpus=max(4, os.cpu_count() or 1), **QUIET)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


class Actor(Painter):
    """Passes pictures to another worker, which saves them while the next are generated."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        pixels = np.stack([np.asarray(image) for image in self.paint(batch, "pil")])
        return {**batch, "pixels": pixels, "begun": np.full(len(pixels), self.begun)}


def _save_pixels(batch: dict[str, Any], out: Path) -> dict[str, list[Any]]:
    return save(batch, [Image.fromarray(pixels) for pixels in batch["pixels"]], out, float(batch["begun"][0]))


def ray_data(work: Work, out: Path) -> float:
    import ray

    _start_ray()
    (out / "images").mkdir(parents=True)
    dataset = ray.data.read_parquet(work.prompts).map_batches(
        Actor, fn_constructor_args=(work, out), batch_size=work.batch, compute=ray.data.ActorPoolStrategy(size=1),
        num_cpus=1, runtime_env={"env_vars": {"OMP_NUM_THREADS": str(work.threads)}},
    )  # fmt: skip
    dataset.map_batches(_save_pixels, fn_args=(out,), batch_size=work.batch).write_parquet(str(out / "metadata"))
    return float(pd.read_parquet(out / "metadata")["begun"].min())


def hf_datasets(work: Work, out: Path) -> float:
    import datasets

    datasets.disable_progress_bars()
    painter = _painter(work, out)
    data = datasets.Dataset.from_parquet(work.prompts, cache_dir=str(out / "cache"))
    data = data.map(painter, batched=True, batch_size=work.batch, new_fingerprint=f"turn{time.time_ns()}")
    data.to_parquet(str(out / "metadata.parquet"))
    assert painter.begun is not None
    return painter.begun


def daft_frame(work: Work, out: Path) -> float:
    import daft

    (out / "images").mkdir(parents=True)
    result = daft.DataType.struct({"image": daft.DataType.string(), "begun": daft.DataType.float64()})

    class Paint:
        def __init__(self) -> None:
            self.painter = Painter(work, out)

        @daft.method.batch(return_dtype=result, batch_size=work.batch)
        def paint(self, id: daft.Series, text: daft.Series, seed: daft.Series) -> list[dict[str, Any]]:
            rows = self.painter({"id": id.to_pylist(), "text": text.to_pylist(), "seed": seed.to_pylist()})
            return [{"image": image, "begun": begun} for image, begun in zip(rows["image"], rows["begun"], strict=True)]

    paint = daft.cls(Paint, max_concurrency=1)()
    columns = (daft.col(name) for name in ("id", "text", "seed"))
    frame = daft.read_parquet(work.prompts).with_column("made", paint.paint(*columns))
    frame.write_parquet(str(out / "metadata"))
    return float(pd.read_parquet(out / "metadata")["made"].str["begun"].min())


def imagemill(work: Work, out: Path) -> float:
    from flows.engine import local_server
    from flows.lanes.allocator import keep_freed

    keep_freed()
    local_server.configure()
    from flows.jobs.render import RenderJob
    from flows.render import render

    local_server.wait_for_server()
    sizes = {"width": work.size, "height": work.size, "steps": work.steps, "batch_size": work.batch}
    began = time.time()
    summary = render(RenderJob(prompts=work.prompts, out=str(out), generator=work.checkpoint, **sizes))
    assert not summary.quarantined
    return began + summary.seconds_start


WAYS: dict[str, Callable[[Work, Path], float]] = {
    "bare": bare,
    "one by one": lambda work, out: loop(work, out, 1),
    "batched loop": lambda work, out: loop(work, out, work.batch),
    "ray data": ray_data,
    "datasets map": hf_datasets,
    "daft": daft_frame,
    "imagemill": imagemill,
}
