"""How fast three checkpoints of published sizes generate: the bare model, the flow, and a plain loop."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from benchmarks.checkpoints import plain, rendered
from benchmarks.gpu_report import Report
from benchmarks.prompts import write_prompts
from benchmarks.real_size import base_dtype, write_checkpoint
from benchmarks.usage import Span, Usage, painting
from models.device import let_go
from models.diffusers.options import Acceleration
from models.generators.registry import load_generator


@dataclass(frozen=True)
class Case:
    """What is rendered, and in which ways."""

    name: str
    family: str
    size: int
    steps: int
    batch: int
    ways: tuple[str, ...]
    guidance: float | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of `render`."""
        given = {"width": self.size, "height": self.size, "steps": self.steps, "batch_size": self.batch}
        return given if self.guidance is None else {**given, "guidance": self.guidance}


CASES = (
    Case("SDXL 1024 px, 8 steps, batch 4", "sdxl", 1024, 8, 4, ("bare", "flow", "plain")),
    Case(
        "SDXL 512 px, 1 step, no guidance, batch 32",
        "sdxl",
        512,
        1,
        32,
        ("bare", "flow", "flow, no files", "plain"),
        1.0,
    ),
    Case("Sana 1.6B 1024 px, 4 steps, batch 8", "sana", 1024, 4, 8, ("bare", "flow")),
)
"""Those that share a checkpoint follow each other."""


def small(case: Case) -> Case:
    """What a processor renders in a second with the tiny checkpoint of the family."""
    return replace(case, size=64, steps=1, batch=2)


def table(report: Report, device: str, seconds: float, checkpoints: Path, runs: Path) -> None:
    """Measures each case in its ways for about so many seconds each. Checkpoints take some gigabytes."""
    for case in CASES if device != "cpu" else map(small, CASES):
        folder = checkpoints / case.family
        if not folder.exists():
            write = partial(write_checkpoint, folder, case.family, device)
            report.measure(["table", f"seconds to write {case.family}"], lambda write=write: _seconds(write))
        Ways(case, folder, device, seconds, runs / case.name).measure(report)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Ways:
    """The ways through one case: all render as many pictures as the bare model does in the given seconds."""

    def __init__(self, case: Case, checkpoint: Path, device: str, seconds: float, folder: Path) -> None:
        self._case, self._checkpoint, self._device = case, checkpoint, device
        self._seconds, self._folder = seconds, folder
        self._few, self._prompts = folder / "few.parquet", folder / "prompts.parquet"
        self._rows = 2 * case.batch  # until the bare model has told

    def measure(self, report: Report) -> None:
        self._folder.mkdir(parents=True)
        write_prompts(self._few, self._case.batch, only_chinese=True)
        ways: dict[str, Callable[[], dict[str, Any]]] = {
            "bare": self._bare,
            "flow": partial(self._flow, "flow"),
            "flow, no files": partial(self._flow, "flow, no files", layout="dummy"),
            "plain": self._plain,
        }
        for way in self._case.ways:
            report.measure(["table", self._case.name, way], ways[way])
        load_generator.cache_clear()
        let_go(self._device)

    def _bare(self) -> dict[str, Any]:
        """Fixed batches whose features are made already; the pictures come back to the processor."""
        case = self._case
        acceleration = Acceleration(dtype=base_dtype(self._device))
        generator = load_generator(str(self._checkpoint), self._device, acceleration)
        encoder = generator.own_encoder
        assert encoder is not None
        (features,) = encoder.encode(["a red fox on a sunny beach"])
        if encoder.encode_negative is not None:
            features |= encoder.encode_negative([None])[0]

        def paint(number: int) -> None:
            seeds = range(number * case.batch, (number + 1) * case.batch)
            rows = [features] * case.batch
            generator.generate(rows, seeds, case.size, case.size, case.steps, [case.guidance] * case.batch).cpu()

        paint(0)
        usage, batches, began = Usage(self._device), 0, time.perf_counter()
        with usage.sampled():
            while batches < 2 or time.perf_counter() - began < self._seconds:
                batches += 1
                paint(batches)
            took = time.perf_counter() - began
        self._rows = batches * case.batch
        return {"pictures_a_second": self._rows / took, "pictures": self._rows, "busy": usage.busy()}

    def _flow(self, name: str, **more: Any) -> dict[str, Any]:
        options = {**self._case.options, **more}
        rendered(self._checkpoint, self._device, options, self._few, self._folder / f"{name}, few")
        write_prompts(self._prompts, self._rows, only_chinese=True)
        usage, out = Usage(self._device), self._folder / name
        if self._device != "cpu":
            torch.cuda.reset_peak_memory_stats(self._device)
        began = time.perf_counter()
        with usage.sampled(), painting() as spans:
            done = rendered(self._checkpoint, self._device, options, self._prompts, out)
        at_work = (began + done.seconds_start, began + done.seconds_start + done.seconds_run)
        return {
            "pictures_a_second": done.pictures_a_second,
            "pictures": done.pictures_made,
            "busy": usage.busy(at_work),
            **_painted(spans, done.seconds_run),
            "between first and last shard": _between_commits(out),
            "seconds": {"all": time.perf_counter() - began, "start": done.seconds_start, "run": done.seconds_run},
            "seconds of stages": done.seconds,
            "peak_memory": None if self._device == "cpu" else torch.cuda.max_memory_allocated(self._device),
        }

    def _plain(self) -> dict[str, Any]:
        load_generator.cache_clear()  # two models may not fit
        let_go(self._device)
        write_prompts(self._prompts, self._rows, only_chinese=True)
        paint = plain(self._checkpoint, self._device, self._case.options)
        paint(self._few, self._folder / "plain, few")
        usage = Usage(self._device)
        with usage.sampled():
            took = paint(self._prompts, self._folder / "plain")
        return {"pictures_a_second": self._rows / took, "pictures": self._rows, "busy": usage.busy()}


def _painted(spans: list[Span], seconds_run: float) -> dict[str, Any]:
    """The shares of a run, and of the time from its first batch to its last, in which the device's thread paints."""
    if not spans:  # it paints in another process, or by another method
        return {"painting": None, "painting from first to last": None}
    painting = sum(end - start for start, end in spans)
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    return {"painting": painting / seconds_run, "painting from first to last": painting / (last - first)}


def _between_commits(out: Path) -> float | None:
    """Pictures a second from the first shard's commit to the last's, without fill and drain; None if there is one."""
    tables = sorted((out / "metadata").glob("**/*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    seconds = (tables[-1].stat().st_mtime_ns - tables[0].stat().st_mtime_ns) / 1e9
    later = sum(pq.read_metadata(path).num_rows for path in tables[1:])
    return later / seconds if seconds else None
