"""How fast each family trains: for some seconds, to a checkpoint that loads and makes something finite."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch

from benchmarks.gpu_report import Report
from flows.jobs.train import AutoencoderJob, DenoiserJob, FlowJob, GanJob, JudgeJob, TrainJob, VaeJob
from flows.train import run_training
from models.generators.registry import load_generator
from models.judge.model import load_judge
from tasks.enhance.chain import enhance, open_chain
from tasks.training.trainer import Trainer
from tests.tiny import WordEncoder, write_tiny

ENDLESS = 1_000_000  # steps; the seconds end a training
# What a processor can do in a test's time.
SMALL: dict[str, dict[str, Any]] = {
    "autoencoder": {"width": 64, "layers": 1, "batch": 8, "size": 32, "pictures": 4},
    "gan": {"width": 64, "layers": 1, "batch": 8},
    "flow": {"width": 64, "layers": 1, "batch": 8},
    "vae": {"captions": 8, "pictures": 2, "sprites": 2},
    "judge": {"batch": 4},
    "denoiser": {"patches": 64},
}


def training(report: Report, device: str, seconds: float, folder: Path) -> None:
    """Trains each family for so many seconds on a small data set of drawn scenes."""
    folder.mkdir()
    write_tiny(folder / "scenes", scenes=200 if device != "cpu" else 24)
    _write_archive(folder / "archive")
    for family, job in jobs(folder, device).items():
        report.measure(["training", family], partial(train, job, seconds))


def jobs(folder: Path, device: str) -> dict[str, TrainJob]:
    """A job of each family; the autoencoder's comes before those that need it. The VAE trains on the processor."""
    dataset, autoencoder = str(folder / "scenes"), str(folder / "autoencoder")
    ends: dict[str, Any] = {"steps": ENDLESS, "every": ENDLESS}
    captions: dict[str, Any] = {**ends, "dataset": dataset, "encoder": "words", "cache": folder / "cache"}
    given: dict[str, tuple[type[TrainJob], dict[str, Any]]] = {
        "autoencoder": (AutoencoderJob, {**captions, "device": device}),
        "gan": (GanJob, {**captions, "device": device, "autoencoder": autoencoder}),
        "flow": (FlowJob, {**captions, "device": device, "autoencoder": autoencoder}),
        "vae": (VaeJob, {**captions, "precision": "fp32"}),
        "judge": (JudgeJob, {**ends, "dataset": dataset, "device": device}),
        "denoiser": (DenoiserJob, {**ends, "archive": str(folder / "archive"), "clean": True, "device": device}),
    }
    return {
        family: kind.model_validate({**options, **(SMALL[family] if device == "cpu" else {}), "out": folder / family})
        for family, (kind, options) in given.items()
    }


def train(job: TrainJob, seconds: float) -> dict[str, Any]:
    """Steps a second over the later half, so that the first steps' planning of kernels does not count."""
    began = time.perf_counter()
    with ended_after(seconds) as ends:
        done = run_training(job, WordEncoder()) if "encoder" in type(job).model_fields else run_training(job)
    took = time.perf_counter() - began
    half = len(ends) // 2
    rate = (len(ends) - 1 - half) / (ends[-1] - ends[half]) if len(ends) > 2 else None
    device = getattr(job, "device", "cpu")
    CHECKS[job.family](job.out, device)
    figures = {"steps_a_second": rate, "steps": done.steps, "seconds": took, "device": device, "loads": True}
    return {**figures, "first_step": ends[0] - began, "figures": done.figures}


@contextmanager
def ended_after(seconds: float) -> Iterator[list[float]]:
    """Ends trainings as if they had been given as many steps as they take in so many seconds, three at least; collects
    when each step ended."""
    ends: list[float] = []
    step = Trainer.step

    def timed(trainer: Trainer) -> dict[str, float]:
        losses = step(trainer)
        ends.append(time.perf_counter())
        if len(ends) > 2 and ends[-1] - ends[0] > seconds:
            trainer.schedule = replace(trainer.schedule, steps=trainer.done)
        return losses

    with mock.patch.object(Trainer, "step", timed):
        yield ends


def _generates(folder: Path, device: str) -> None:
    generator = load_generator(str(folder), device)
    generator.ready()
    made = generator.generate(WordEncoder().encode(["a red car"]), [1], generator.size, generator.size)
    assert made.isfinite().all()


def _judges(folder: Path, device: str) -> None:
    load_judge(folder).to(device)


def _denoises(folder: Path, device: str) -> None:
    chain, _ = open_chain(f"denoise-learned:{folder}")
    assert enhance(torch.rand(1, 3, 96, 96, device=device), chain).isfinite().all()


CHECKS: dict[str, Callable[[Path, str], None]] = {
    **dict.fromkeys(("autoencoder", "gan", "flow", "vae"), _generates),
    "judge": _judges,
    "denoiser": _denoises,
}


def _write_archive(folder: Path) -> None:
    """Smooth coloured pictures without noise."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(8):
        coarse = draw.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC))
