"""What encoding a picture costs: ms of processor and MB a file, by format, beside Pillow's PNG at level 6.

    python -m benchmarks.picture_files                   # 1,024-pixel photographs with grain
    python -m benchmarks.picture_files --run RUN/images  # the PNG files below a folder instead

Photographs of scikit-image are enlarged, and grain (normal noise, 2.2 of 255 levels) is added, as a diffusion model's
pictures have it. Each picture is encoded by each way in turn; the median counts. `write` is all that the write stage
does to a float32 picture apart from storing it: conversion, quality figures, encoding, text chunks.
"""

import io
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from cyclopts import run as command
from PIL import Image, PngImagePlugin
from rich.console import Console
from rich.table import Table
from skimage import data

from tasks.imaging.encode import Format, encode_picture, quality_figures, to_uint8

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")
GRAIN = 2.2  # standard deviation, of 255 levels
INFO = {"prompt": "a lighthouse on a cliff at sunset", "seed": "7", "settings": json.dumps({"steps": 8})}


def photographs(edge: int) -> list[np.ndarray]:
    """(edge, edge, 3) uint8 each."""
    draw = np.random.default_rng(0)
    enlarged = (cv2.resize(getattr(data, name)(), (edge, edge), interpolation=cv2.INTER_CUBIC) for name in PHOTOGRAPHS)
    return [(one + draw.normal(0, GRAIN, one.shape)).round().clip(0, 255).astype(np.uint8) for one in enlarged]


def pillow(pixels: np.ndarray) -> bytes:
    """As the write stage encoded PNG before."""
    out, text = io.BytesIO(), PngImagePlugin.PngInfo()
    for key, value in INFO.items():
        text.add_itxt(key, value)
    Image.fromarray(pixels).save(out, "PNG", pnginfo=text)
    return out.getvalue()


def encoder(format: Format) -> Callable[[np.ndarray], bytes]:
    return lambda pixels: encode_picture(pixels, format, 90, INFO)


def written(pixels: torch.Tensor) -> bytes:
    """What the write stage does to a picture (3, h, w) float32 in [0, 1]."""
    values = to_uint8(pixels)
    quality_figures(values)
    return encode_picture(values, "png", 90, INFO)


WRITE = "write, png"
WAYS: dict[str, Callable[[Any], bytes]] = {
    "Pillow PNG, level 6": pillow,
    "png": encoder("png"),
    "jxl": encoder("jxl"),
    "jpeg, quality 90": encoder("jpeg"),
    "webp, quality 90": encoder("webp"),
    WRITE: written,
}


def measure(pictures: list[np.ndarray], rounds: int) -> dict[str, tuple[float, float]]:
    """By way: ms of processor (the median of rounds) and MB, both the mean of the pictures."""
    floats = [torch.from_numpy(pixels).permute(2, 0, 1).div(255).contiguous() for pixels in pictures]
    spent: dict[str, list[float]] = {name: [] for name in WAYS}
    sizes: dict[str, int] = {}
    for _ in range(rounds):
        for name, encode in WAYS.items():
            start = time.process_time()
            sizes[name] = sum(len(encode(pixels)) for pixels in (floats if name == WRITE else pictures))
            spent[name].append(time.process_time() - start)
    return {
        name: (statistics.median(spent[name]) * 1e3 / len(pictures), sizes[name] / 1e6 / len(pictures)) for name in WAYS
    }


def main(*, size: int = 1024, rounds: int = 5, run: Path | None = None) -> None:
    """Prints the table.

    Args:
        size: edge of the photographs in pixels.
        rounds: how often each picture is encoded by each way.
        run: a folder with PNG files, to take those instead.
    """
    files = sorted(run.rglob("*.png")) if run else []
    pictures = [np.array(Image.open(file).convert("RGB")) for file in files] if run else photographs(size)
    table = Table("", "ms of processor", "MB", "over Pillow's")
    found = measure(pictures, rounds)
    before = found["Pillow PNG, level 6"]
    for name, (spent, megabytes) in found.items():
        table.add_row(name, f"{spent:.1f}", f"{megabytes:.4f}", f"{spent / before[0]:.2f}, {megabytes / before[1]:.4f}")
    Console().print(table)


if __name__ == "__main__":
    command(main)
