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
    """Collects when this process is in `DiffusersGenerator.generate`: one span a batch."""
    spans: list[Span] = []
    generate = DiffusersGenerator.generate

    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        made = generate(*arguments, **named)
        spans.append((began, time.perf_counter()))
        return made

    with mock.patch.object(DiffusersGenerator, "generate", timed):
        yield spans
