"""The registry of enhancement steps: what a step is, and how one is added.

    @step("brightness", Number(0, 4, neutral=1, unit="factor"), reach=0)
    def brightness(images: Tensor, factor: float) -> Tensor: ...

A step takes pictures, float in [0, 1] (colour: red-green-blue with the usual display coding, sRGB), and its argument;
what it gives may leave [0, 1] a little (`tasks.enhance.chain` clamps after each one). No step goes through integers of
8 bits: float32 holds every 16-bit value exactly, and what a step leaves alone stays so.

There are two kinds:

- A batch at once, torch: (n, c, h, w) on whichever device. It uses one plain +, -, x or / at a time: no reduction over
  pixels, no convolution kernel, no exp and no fused multiply-add. Such operations are rounded exactly as IEEE 754 says,
  however they are batched, vectorised and shared among threads, so a row's bytes are the same alone and in any batch.
- `each=True`, a picture at a time, NumPy: (h, w, c) float32, on the CPU wherever the tensor is, and back. This is how
  scikit-image, OpenCV and PyWavelets come in. CPU and GPU give the same bits because it is the same computation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.filters.arguments import AUTO, Argument

GRID = 8  # pixels
Filter = Callable[[Any, Any], Any]


def _same_size(value: Any) -> int:
    return 1


@dataclass(frozen=True)
class Step:
    """One step of a chain.

    Attributes:
        name: what a chain calls it.
        function: (images, value) -> images; see the module.
        argument: how its value is written.
        colour: whether it has a meaning for colour pictures alone.
        each: whether the function takes one picture at a time.
        reach: how many pixels away a result still depends on the picture, or None for all of it; see `far`.
        scale: how many times as wide and high a value makes pictures.
    """

    name: str
    function: Filter
    argument: Argument
    colour: bool
    each: bool
    reach: int | None
    scale: Callable[[Any], int] = _same_size

    def far(self, value: Any) -> int | None:
        """The reach with this value: what is `auto` is found from the whole picture.

        Large pictures go through steps of known reach a tile at a time. Tiles begin at multiples of `GRID` pixels, for
        steps that work on cells of the picture.
        """
        return None if value == AUTO else self.reach

    def apply(self, images: Tensor, value: Any) -> Tensor:
        """The step on pictures (n, 1 or 3, h, w). Raises ValueError for pictures that it cannot serve."""
        if self.colour and images.shape[1] != 3:
            raise ValueError(f"{self.name} changes colours and this picture is grey: leave the step out for grey ones")
        if not self.each:
            made: Tensor = self.function(images, value)
            return made
        pictures = [np.ascontiguousarray(p) for p in images.permute(0, 2, 3, 1).float().cpu().numpy()]
        results = [np.ascontiguousarray(self.function(p, value).transpose(2, 0, 1), np.float32) for p in pictures]
        return torch.from_numpy(np.stack(results)).to(images)


STEPS: dict[str, Step] = {}


def step(
    name: str,
    argument: Argument,
    *,
    colour: bool = False,
    each: bool = False,
    reach: int | None = None,
    scale: Callable[[Any], int] = _same_size,
) -> Callable[[Filter], Filter]:
    """Registers a function as a step; the function itself stays as it is. ValueError if the name is taken."""

    def register(function: Filter) -> Filter:
        if name in STEPS:
            raise ValueError(f"There are two filters called {name!r}: rename one of them.")
        STEPS[name] = Step(name, function, argument, colour, each, reach, scale)
        return function

    return register
