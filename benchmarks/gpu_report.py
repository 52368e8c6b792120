"""What a cut-off benchmark leaves behind: figures are in the JSON file as soon as each is measured."""

import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import torch

from models.device import device_name
from models.messages import one_line

Figures = TypeVar("Figures")
PACKAGES = ("torch", "diffusers", "transformers", "numpy", "pillow", "opencv-python-headless", "prefect")


class Report:
    """Figures by part and name, in a file that is written anew after each.

    Args:
        seconds: that all parts may take together.
    """

    def __init__(self, path: Path, device: str, seconds: float) -> None:
        self._path = path
        self._began = time.perf_counter()
        self._ends = self._part_ends = self._began + seconds
        self.content: dict[str, Any] = {"machine": machine(device), "seconds": {}}
        self._write()

    def part(self, name: str, seconds: float, measure: Callable[[], None]) -> None:
        """Runs a part, which begins no measurement once its seconds are over; notes how long it took."""
        began = time.perf_counter()
        self._part_ends = min(self._ends, began + seconds)
        self.content[name] = {}
        self._run([name], measure)
        self.content["seconds"][name] = round(time.perf_counter() - began, 1)
        self._write()
        self._say(f"{name}: {self.content['seconds'][name]} s")

    @property
    def left(self) -> float:
        """Seconds of the part that are left."""
        return self._part_ends - time.perf_counter()

    def measure(self, names: list[str], measure: Callable[[], Figures]) -> Figures | None:
        """Notes what `measure` returns under the part's name and those below it; if it fails, why; None then, and if
        no time is left."""
        if self.left <= 0:
            self._note(names, {"left out": "no time left"})
            return None
        began = time.perf_counter()
        figures = self._run(names, measure)
        if figures is not None:
            self._note(names, figures)
        self._say(f"{', '.join(names)}: {time.perf_counter() - began:.1f} s")
        return figures

    def _run(self, names: list[str], measure: Callable[[], Figures]) -> Figures | None:
        try:
            return measure()
        except Exception as error:  # the next measurement may well work
            self._say(f"{', '.join(names)}: {one_line(error)}")
            self._note([*names, "error"], one_line(error))
            self._note([*names, "traceback"], traceback.format_exc())
            return None

    def _note(self, names: list[str], figures: Any) -> None:
        place = self.content
        for name in names[:-1]:
            place = place.setdefault(name, {})
        place[names[-1]] = figures
        self._write()

    def _write(self) -> None:
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self.content, indent=1), "utf-8")
        partial.replace(self._path)

    def _say(self, text: str) -> None:
        print(f"{time.perf_counter() - self._began:6.1f} s  {text}", file=sys.stderr, flush=True)


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on, and with."""
    found: dict[str, Any] = {
        "device": device_name(device),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    if device != "cpu":
        found["device memory"] = torch.cuda.get_device_properties(device).total_memory
        found["cuda"] = torch.version.cuda
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
