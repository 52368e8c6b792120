"""What each acceleration option gains on a checkpoint, and how it changes the pictures.

    python -m benchmarks.options                                     # tiny checkpoints on the CPU
    python -m benchmarks.options sdxl flux --device cuda --size 1024 # real sizes, random weights in bfloat16

Denoiser and decoder with and without an option take turns on the same rows (no Prefect, no files), after a first batch
that is reported separately; `none` against itself shows the noise. On the CPU, seconds are CPU time.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
from cyclopts import Parameter, run
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.real_size import REAL, base_dtype, write_checkpoint
from models.diffusers.checkpoint import DiffusersCheckpoint
from models.diffusers.image_half import DiffusersGenerator
from models.diffusers.options import Acceleration
from models.diffusers.text_half import DiffusersTextEncoder
from models.diffusers.tuning import example
from models.messages import one_line

OPTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "--dtype float32": {"dtype": "float32"},
    "--dtype bfloat16": {"dtype": "bfloat16"},
    "--dtype float16": {"dtype": "float16"},
    "--attention math": {"attention": "math"},
    "--attention flash": {"attention": "flash"},
    "--attention efficient": {"attention": "efficient"},
    "--attention cudnn": {"attention": "cudnn"},
    "--channels-last": {"channels_last": True},
    "--compile": {"compile": True},
    "--scheduler UniPC..., half the steps": {"scheduler": "UniPCMultistepScheduler"},
    "--step-cache first-block": {"step_cache": "first-block"},
    "--step-cache taylorseer": {"step_cache": "taylorseer"},
    "--weights float8": {"weights": "float8"},
    "--vae-slicing": {"vae_slicing": True},
    "--vae-tiling": {"vae_tiling": True},
    "--offload": {"offload": True},
}


@dataclass(frozen=True)
class Rows:
    """The work: `batch` pictures of one text, each with its own seed, `at_once` per call."""

    features: Mapping[str, Tensor]
    size: int
    steps: int
    batch: int
    at_once: int


@dataclass(frozen=True)
class Effect:
    """An option compared with none: ratio of seconds and difference of pixels (0 to 255), or why it was refused."""

    ratio: float = 0.0
    first: float = 0.0
    """Wall-clock seconds of the first call: the network is loaded, kernels are planned or compiled."""
    farthest: float = 0.0
    mean: float = 0.0
    memory: float | None = None
    """Ratio of the peaks of GPU memory."""
    refused: str | None = None


class Baseline:
    """A checkpoint without any option on some rows, which stays loaded while options are compared with it."""

    def __init__(self, checkpoint: Path, device: str, rows: Rows) -> None:
        self._opened, self._device, self._rows = DiffusersCheckpoint(checkpoint), device, rows
        self._plain = DiffusersGenerator(self._opened, device, Acceleration(dtype=base_dtype(device)))
        self._pixels, _, self._memory = _paint(self._plain, device, rows)

    def compare(self, option: Mapping[str, Any], rounds: int) -> Effect:
        """An option against none, taking turns; what the option loads is unloaded at the end."""
        rows, device = self._rows, self._device
        changes = replace(
            rows,
            steps=max(1, rows.steps // 2) if "scheduler" in option else rows.steps,
            at_once=1 if option.get("step_cache") == "first-block" else rows.at_once,  # as the flow does
        )
        changed: DiffusersGenerator | None = None
        try:
            changed = DiffusersGenerator(self._opened, device, Acceleration(**{"dtype": base_dtype(device), **option}))
            start = time.perf_counter()
            after, _, memory = _paint(changed, device, changes)
            first = time.perf_counter() - start
            ratios = []
            for _ in range(rounds):
                seconds = _paint(self._plain, device, rows)[1]
                ratios.append(_paint(changed, device, changes)[1] / seconds)
        except (ValueError, RuntimeError) as error:
            return Effect(refused=one_line(error))
        finally:
            if changed is not None:
                changed.release()
        difference = (after - self._pixels).abs() * 255
        share = memory / self._memory if memory and self._memory else None
        return Effect(median(ratios), first, float(difference.max()), float(difference.mean()), share)

    def release(self) -> None:
        self._plain.release()


def _paint(model: DiffusersGenerator, device: str, rows: Rows) -> tuple[Tensor, float, int | None]:
    """The pictures (batch, 3, h, w) in [0, 1], the seconds they took, and the peak in bytes of the GPU memory that the
    model adds to what is in use before it loads, if it is not loaded yet."""
    on_gpu = device != "cpu"
    others = torch.cuda.memory_allocated(device) if on_gpu else 0
    model.ready()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    clock = time.perf_counter if on_gpu else time.process_time
    size, many = (rows.size, rows.size), rows.at_once
    start = clock()
    batches = [
        model.generate([rows.features] * many, range(seed, seed + many), *size, rows.steps, [None] * many).cpu()
        for seed in range(0, rows.batch, many)
    ]
    return torch.cat(batches), clock() - start, torch.cuda.max_memory_allocated(device) - others if on_gpu else None


def features_of(checkpoint: Path, device: str) -> Mapping[str, Tensor]:
    """Features of an example text by the checkpoint's text encoders, which are unloaded again."""
    encoder = DiffusersTextEncoder(DiffusersCheckpoint(checkpoint), device, Acceleration(dtype=base_dtype(device)))
    features = example(encoder)
    encoder.release()
    return features


def main(
    *families: str,
    device: str = "cpu",
    size: int = 64,
    steps: int = 8,
    batch: int = 4,
    rounds: int = 5,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Measure every acceleration option against none.

    Parameters
    ----------
    families
        sdxl, sana, flux; by default all three.
    device
        cpu uses tiny networks, cuda the real sizes.
    size
        Edge of the pictures in pixels.
    steps
        Denoising steps.
    batch
        Pictures per batch.
    rounds
        Number of turns of each; ratios are medians over the rounds.
    as_json
        Print the figures as JSON.
    """
    effects_by_family: dict[str, dict[str, Effect]] = {}
    with tempfile.TemporaryDirectory(prefix="imagemill-options-") as folder:
        for family in families or tuple(REAL):
            checkpoint = write_checkpoint(Path(folder) / family, family, device)
            rows = Rows(features_of(checkpoint, device), size, steps, batch, batch)
            effects_by_family[family] = {}
            baseline = Baseline(checkpoint, device, rows)
            for name, option in OPTIONS.items():
                if option == {"dtype": base_dtype(device)}:
                    continue
                effect = effects_by_family[family][name] = baseline.compare(option, rounds)
                print(f"{family}, {name}: {effect.refused or f'{effect.ratio:.3f}'}", file=sys.stderr)
            baseline.release()
    if as_json:
        plain_effects = {
            family: {name: asdict(one) for name, one in effects.items()}
            for family, effects in effects_by_family.items()
        }
        print(json.dumps(plain_effects))
        return
    title = (
        f"{device}, {size} pixels, {steps} steps, batches of {batch}: seconds over none, the first time, pixels apart"
    )
    table = Table(title=f"{title} (largest / mean of 255)", title_justify="left")
    for name in ("", *effects_by_family):
        table.add_column(name)
    for name in next(iter(effects_by_family.values())):
        table.add_row(name, *(_cell(effects[name]) for effects in effects_by_family.values()))
    Console(width=140).print(table)


def _cell(effect: Effect) -> str:
    if effect.refused is not None:
        return "-"
    memory = "" if effect.memory is None else f", memory {effect.memory:.2f}"
    return f"{effect.ratio:.2f}, first {effect.first:.1f} s, {effect.farthest:.1f} / {effect.mean:.2f}{memory}"


if __name__ == "__main__":
    run(main)
