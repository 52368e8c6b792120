"""A device that only takes time: a generator that waits as long as a GPU would and gives real pictures.

What surrounds a model can be measured with it on any machine. The family `simulated` is known in processes that import
this module alone; a checkpoint of it is a config.json, beside which every device logs when it painted.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from models import checkpoint
from models.generators.registry import family
from models.protocols import Generator

FAMILY = "simulated"
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")  # of scikit-image's wheel
GRAIN = 1.5  # standard deviation, of 255: a PNG of 1024 pixels takes 1.5 MB, as much as one by SDXL
BATCH_PIXELS = 4 << 20  # as diffusers checkpoints on a GPU
LOGS = "painted-*.jsonl"

Interval = tuple[float, float]
"""Begin and end in seconds of `time.monotonic`, which all processes of a machine share."""


@dataclass(frozen=True)
class Config:
    """Content of a simulated checkpoint's config.json."""

    pictures_per_second: float
    size: int
    """Edge of the pictures in pixels."""


@cache
def stock(width: int, height: int) -> Tensor:
    """Photographs with grain, (8, 3, height, width) uint8, made once per size."""
    from skimage import data

    source = np.random.default_rng(0)
    pictures = []
    for name in PHOTOGRAPHS:
        photograph = ImageOps.fit(Image.fromarray(getattr(data, name)()), (width, height), Image.Resampling.LANCZOS)
        for turned in (photograph, ImageOps.mirror(photograph)):
            grained = np.asarray(turned) + GRAIN * source.normal(size=(height, width, 3))
            pictures.append(np.rint(grained).clip(0, 255).astype(np.uint8))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


class SimulatedGenerator(Generator):
    """Takes the time of its batch without the interpreter's lock; a row's picture is its seed's in the stock."""

    encoder: str | None = None

    def __init__(self, config: Config, name: str, digest: str, folder: Path) -> None:
        self.name = name
        self.digest = digest
        self.size = config.size
        self._rate = config.pictures_per_second
        self._log = folder / LOGS.replace("*", f"{os.getpid()}-{uuid.uuid4().hex[:8]}")
        stock(self.size, self.size)

    def generate(
        self,
        features: Sequence[object],
        seeds: Sequence[int],
        width: int,
        height: int,
        steps: int | None = None,
        guidance: Sequence[float | None] = (),
    ) -> Tensor:
        """Images (rows, 3, height, width), float32 in [0, 1]; see models/protocols.py. Only seeds matter."""
        begin = time.monotonic()
        kept = stock(width, height)
        end = begin + len(seeds) / self._rate  # on time: if the processor is late, the device waits for it
        images = kept[torch.tensor([seed % len(kept) for seed in seeds])].float().div_(255)
        with self._log.open("a") as log:
            log.write(json.dumps((begin, end)) + "\n")
        time.sleep(max(0.0, end - time.monotonic()))
        return images

    def batch_size(self, width: int, height: int, wanted: int | None = None) -> int:
        """Rows in one call, as diffusers checkpoints take them on a GPU: see models/diffusers/image_half.py."""
        return wanted or min(32, max(1, BATCH_PIXELS // (width * height)))


def write_simulated(folder: Path, pictures_per_second: float, size: int) -> Path:
    """Writes the checkpoint of a simulated device; returns its folder."""
    folder.mkdir(parents=True)
    checkpoint.describe(folder, FAMILY, Config(pictures_per_second, size), "A device that only takes time.\n")
    return folder


def painted(folder: Path) -> list[list[Interval]]:
    """When each device that loaded this checkpoint painted: an interval a batch, in order."""
    logs = [path.read_text("utf-8").splitlines() for path in sorted(folder.glob(LOGS))]
    return [sorted((begin, end) for begin, end in map(json.loads, log)) for log in logs]


@family(FAMILY)
def _simulated(folder: Path, device: str, name: str) -> Generator:
    config = checkpoint.fill(Config, checkpoint.read_config(folder), folder)
    digest = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    return SimulatedGenerator(config, name, digest, folder)
