"""How busy a device is while something else runs."""

import math
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import psutil
import torch

from models.diffusers.image_half import DiffusersGenerator

Span = tuple[float, float]
"""Start and end on the clock of `time.perf_counter`."""


class Usage:
    """Samples device utilisation: the GPU by its driver, the CPU as a share of all cores."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.samples: list[tuple[float, float]] = []

    @contextmanager
    def sampled(self) -> Iterator[None]:
        done = threading.Event()

        def sample() -> None:
            psutil.cpu_percent()
            while not done.wait(0.2):
                self.samples.append((time.perf_counter(), self._now()))

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _now(self) -> float:
        if self.device == "cpu":
            return psutil.cpu_percent() / 100
        try:
            return torch.cuda.utilization() / 100
        except ModuleNotFoundError:  # pynvml is not installed; the command below takes longer
            query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
            return float(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]) / 100

    def busy(self, within: Span = (-math.inf, math.inf)) -> float:
        """Mean utilisation, 0 to 1, of the samples within a span."""
        shares = [share for at, share in self.samples if within[0] <= at <= within[1]]
        return sum(shares) / max(1, len(shares))


@contextmanager
def painting() -> Iterator[list[Span]]:
    """Collects when the device is at work for `DiffusersGenerator.generate`: one span a batch, there at the end.

    On a GPU from the first of a batch's kernels to the last, by events in its queue, as the call returns before.
    """
    spans: list[Span] = []
    events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
    generate = DiffusersGenerator.generate
    on_gpu = torch.cuda.is_available()
    began = time.perf_counter()
    start = _event() if on_gpu else None

    def timed(*arguments: Any, **named: Any) -> Any:
        first, at = _event() if on_gpu else None, time.perf_counter()
        made = generate(*arguments, **named)
        if first is None:
            spans.append((at, time.perf_counter()))
        else:
            events.append((first, _event()))
        return made

    with mock.patch.object(DiffusersGenerator, "generate", timed):
        yield spans
    if start is not None:
        torch.cuda.synchronize()
        spans += [(began + start.elapsed_time(a) / 1000, began + start.elapsed_time(b) / 1000) for a, b in events]


def _event() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event
