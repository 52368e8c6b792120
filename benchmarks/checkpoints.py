"""The flow on a diffusers checkpoint against a plain diffusers loop on the same batches: speed, utilisation, memory.

    python -m benchmarks.checkpoints --device cuda sdxl sana flux      # real sizes, random weights in bfloat16
    python -m benchmarks.checkpoints                                   # the tiny ones, on the CPU

Speed does not depend on the values of weights, so the real architectures get random ones; the pictures are noise. Text
encoders are always the tiny ones: both ways run the same, and they take a small part of the time. A warm-up batch keeps
the loading of models and the start of the flow out of the rates.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import torch
from cyclopts import Parameter, run
from rich.console import Console
from rich.table import Table

from benchmarks.prompts import write_prompts
from benchmarks.real_size import REAL, base_dtype, write_checkpoint
from benchmarks.usage import Usage
from flows.engine import local_server
from flows.lanes.allocator import keep_freed
from models.device import let_go
from models.generators.registry import load_generator

if TYPE_CHECKING:  # Prefect must not be imported before `local_server.configure`
    from flows.engine.summary import Summary

Paint = Callable[[Path, Path], float]
"""Renders a file of prompts to a folder; returns the seconds of the work itself."""


def plain(checkpoint: Path, device: str, options: dict[str, Any]) -> Paint:
    """A loop over batches with the whole pipeline, its pictures saved."""
    import diffusers

    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    pipe = diffusers.DiffusionPipeline.from_pretrained(checkpoint, dtype=dtype).to(device)
    pipe.set_progress_bar_config(disable=True)
    batch = options["batch_size"]
    size = {"width": options["width"], "height": options["height"], "num_inference_steps": options["steps"]}
    if "guidance" in options:
        size["guidance_scale"] = options["guidance"]

    def paint(prompts: Path, out: Path) -> float:
        out.mkdir()
        frame = pd.read_parquet(prompts)
        began = time.perf_counter()
        for start in range(0, len(frame), batch):
            rows = frame.iloc[start : start + batch]
            noise = [torch.Generator().manual_seed(seed) for seed in rows["seed"]]
            images = pipe(prompt=list(rows["text"]), generator=noise, **size).images
            for id, image in zip(rows["id"], images, strict=True):
                image.save(out / f"{id}.png")
        return time.perf_counter() - began

    return paint


def flow(checkpoint: Path, device: str, options: dict[str, Any]) -> Paint:
    """`imagemill render`."""

    def paint(prompts: Path, out: Path) -> float:
        return rendered(checkpoint, device, options, prompts, out).seconds_run

    return paint


def rendered(checkpoint: Path, device: str, options: dict[str, Any], prompts: Path, out: Path) -> "Summary":
    """A run of the flow in which no row failed: a failed one must not count as a fast one."""
    from flows.jobs.render import RenderJob
    from flows.render import render

    common = {"generator": str(checkpoint), "device": device, "dtype": base_dtype(device), **options}
    done = render(RenderJob(prompts=str(prompts), out=str(out), **common))
    assert not done.quarantined, f"{done.quarantined} rows failed"
    return done


def measure(family: str, device: str, rows: int, options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Both ways on the same rows: pictures per second, utilisation (0 to 1), peak of GPU memory in bytes."""
    checkpoint = write_checkpoint(folder / family, family, device)
    few, prompts = folder / "few.parquet", folder / "prompts.parquet"
    write_prompts(few, options["batch_size"])
    write_prompts(prompts, rows)
    ways: dict[str, Callable[[Path, str, dict[str, Any]], Paint]] = {"plain": plain, "flow": flow}
    results: dict[str, Any] = {}
    for name, way in ways.items():
        usage = Usage(device)
        load_generator.cache_clear()  # neither way starts with a model loaded or counted in the memory measured
        let_go(device)
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats(device)
        paint = way(checkpoint, device, options)
        paint(few, folder / f"{family} {name} few")
        with usage.sampled():
            seconds = paint(prompts, folder / f"{family} {name}")
        peak = None if device == "cpu" else torch.cuda.max_memory_allocated(device)
        results[name] = {"pictures_a_second": rows / seconds, "busy": usage.busy(), "peak_memory": peak}
        print(f"{family}, {name}: {seconds:.1f} s", file=sys.stderr)
    return results


def main(
    *families: str,
    device: str = "cpu",
    rows: int = 32,
    size: int | None = None,
    steps: int = 8,
    batch_size: int = 4,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Measure the flow against a plain loop on checkpoints with random weights.

    Parameters
    ----------
    families
        sdxl, sana, flux; by default all three.
    device
        cpu uses tiny networks, cuda the real sizes.
    rows
        Prompts.
    size
        Edge of the pictures: 64 on the CPU, 1024 on a GPU.
    steps
        Denoising steps.
    batch_size
        Pictures per batch.
    as_json
        Print the figures as JSON.
    """
    edge = size or (64 if device == "cpu" else 1024)
    options = {"width": edge, "height": edge, "steps": steps, "batch_size": batch_size}
    keep_freed()
    local_server.configure()
    local_server.wait_for_server()
    with tempfile.TemporaryDirectory(prefix="imagemill-checkpoints-") as folder:
        names = families or tuple(REAL)
        results = {family: measure(family, device, rows, options, Path(folder)) for family in names}
    if as_json:
        print(json.dumps(results))
        return
    table = Table(title=f"{device}, {edge} pixels, {steps} steps, batches of {batch_size}", title_justify="left")
    for name in ("checkpoint", "way", "pictures/s", "busy", "peak memory"):
        table.add_column(name)
    for family, ways in results.items():
        for name, way in ways.items():
            memory = "" if way["peak_memory"] is None else f"{way['peak_memory'] / 2**30:.1f} GiB"
            table.add_row(family, name, f"{way['pictures_a_second']:.3g}", f"{way['busy']:.0%}", memory)
    Console().print(table)


if __name__ == "__main__":
    run(main)
