"""The flow on a diffusers checkpoint against a plain diffusers loop on the same batches: speed, utilisation, memory.

    python -m benchmarks.checkpoints --device cuda sdxl sana flux      # real sizes, random weights in bfloat16
    python -m benchmarks.checkpoints                                   # the tiny ones, on the CPU

Speed does not depend on the values of weights, so the real architectures get random ones; the pictures are noise. Text
encoders are always the tiny ones: both ways run the same, and they take a small part of the time. A warm-up batch keeps
the loading of models and the start of the flow out of the rates.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import psutil
import torch
from cyclopts import Parameter, run
from rich.console import Console
from rich.table import Table

from benchmarks.prompts import write_prompts
from flows.cli.allocator import keep_freed
from flows.engine import local_server
from models.device import let_go
from models.generators.registry import load_generator
from tests.models.diffusers.checkpoints import WIDTH, build_pipeline

# What the published checkpoints' configurations set beyond the classes' defaults; the width of text features is ours.
REAL: dict[str, dict[str, dict[str, Any]]] = {
    "sdxl": {
        "unet": {
            "sample_size": 128, "block_out_channels": (320, 640, 1280), "layers_per_block": 2, "norm_num_groups": 32,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": (5, 10, 20), "transformer_layers_per_block": (1, 2, 10),
        },
        "vae": {
            "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32,
            "sample_size": 1024, "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
        },
    },
    "sana": {
        "transformer": {
            "in_channels": 32, "out_channels": 32, "num_layers": 20, "num_attention_heads": 70,
            "attention_head_dim": 32, "num_cross_attention_heads": 20, "cross_attention_head_dim": 112,
            "cross_attention_dim": 2240, "mlp_ratio": 2.5, "sample_size": 32,
        },
        "vae": {
            "latent_channels": 32, "attention_head_dim": 32,
            "encoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
            "decoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
            "encoder_block_types": ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
            "decoder_block_types": ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
            "encoder_layers_per_block": (2, 2, 2, 3, 3, 3), "decoder_layers_per_block": (3, 3, 3, 3, 3, 3),
            "encoder_qkv_multiscales": ((), (), (), (5,), (5,), (5,)),
            "decoder_qkv_multiscales": ((), (), (), (5,), (5,), (5,)),
        },
    },
    "flux": {
        "transformer": {
            "in_channels": 64, "num_layers": 19, "num_single_layers": 38, "attention_head_dim": 128,
            "num_attention_heads": 24, "axes_dims_rope": (16, 56, 56),
        },
        "vae": {
            "latent_channels": 16, "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2,
            "norm_num_groups": 32, "sample_size": 1024, "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
        },
    },
}  # fmt: skip


def real_size(family: str) -> Any:
    """A pipeline with tiny text encoders and published sizes otherwise, without weights (on `meta`)."""
    tiny = build_pipeline(family)
    parts = dict(tiny.components)
    for part, sizes in REAL[family].items():
        own = {name: value for name, value in tiny.components[part].config.items() if not name.startswith("_")}
        with torch.device("meta"):
            parts[part] = type(tiny.components[part]).from_config({**own, **sizes})
    if family == "sdxl":
        assert parts["unet"].config.cross_attention_dim == 2 * WIDTH
    return type(tiny)(**parts)


def write_checkpoint(folder: Path, family: str, device: str) -> Path:
    """Saves a checkpoint with random weights: on a GPU of the real size in bfloat16, else the tiny one."""
    if device == "cpu":
        build_pipeline(family).save_pretrained(folder)
        return folder
    pipe = real_size(family)
    for part in REAL[family]:
        network = pipe.components[part].to(torch.bfloat16).to_empty(device=device)
        for weight in network.parameters():
            torch.nn.init.normal_(weight, std=0.02)
        network.to("cpu")
    pipe.save_pretrained(folder)
    return folder


class Usage:
    """Samples device utilisation: the GPU by nvidia-smi, the CPU as a share of all cores."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.shares: list[float] = []

    @contextmanager
    def sampled(self) -> Iterator[None]:
        done = threading.Event()

        def sample() -> None:
            psutil.cpu_percent()
            while not done.wait(0.2):
                self.shares.append(self._now())

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        yield
        done.set()
        thread.join()

    def _now(self) -> float:
        if self.device == "cpu":
            return psutil.cpu_percent() / 100
        query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        return float(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]) / 100

    @property
    def busy(self) -> float:
        return sum(self.shares) / max(1, len(self.shares))


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
    from flows.jobs.render import RenderJob
    from flows.render import render

    common = {"generator": str(checkpoint), "device": device, "dtype": base_dtype(device), **options}

    def paint(prompts: Path, out: Path) -> float:
        done = render(RenderJob(prompts=str(prompts), out=str(out), **common))
        assert not done.quarantined  # a failed row must not count as a fast one
        return done.seconds_run

    return paint


def base_dtype(device: str) -> Literal["float32", "bfloat16"]:
    """The default dtype of a device."""
    return "float32" if device == "cpu" else "bfloat16"


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
        results[name] = {"pictures_a_second": rows / seconds, "busy": usage.busy, "peak_memory": peak}
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
