"""Measures which batch size suits a checkpoint on a device."""

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from models.device import let_go
from models.diffusers.image_half import DiffusersGenerator
from models.diffusers.text_half import DiffusersTextEncoder
from models.diffusers.tuning_records import Measured, Tuned

MOST = 256  # images in one batch
GAIN = 1.03  # a larger batch has to be faster by this factor


def measure(generator: DiffusersGenerator, device: str, width: int, height: int, steps: int) -> Iterator[Measured]:
    """Times batch sizes 1, 2, 4 and so on until memory ends or a larger one is no faster; holds one half at a time."""
    features = example(generator.own_encoder)
    generator.own_encoder.release()
    best, size, most = 0.0, 1, generator.batch_size(width, height, MOST)
    while size <= most:
        try:
            generator.ready()
            seconds, peak = _timed(generator, device, size, features, width, height, steps)
        except torch.OutOfMemoryError:
            let_go(device)
            return
        yield Measured(batch_size=size, pictures_a_second=size / seconds, peak_memory=peak)
        if size / seconds < best * GAIN:
            return
        best, size = size / seconds, size * 2


def example(encoder: DiffusersTextEncoder) -> dict[str, Tensor]:
    """The features of an example text."""
    features = encoder.encode(["a red cat on a table by the window"])[0]
    return features if encoder.encode_negative is None else {**features, **encoder.encode_negative([None])[0]}


def _timed(
    generator: DiffusersGenerator,
    device: str,
    size: int,
    features: dict[str, Tensor],
    width: int,
    height: int,
    steps: int,
) -> tuple[float, int | None]:
    """Seconds of a batch, after one to warm up, and peak memory in bytes."""
    seconds = []
    on_gpu = device.startswith("cuda")
    for _ in range(3):
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
        start = time.perf_counter()
        generator.generate([features] * size, list(range(size)), width, height, steps, [None] * size).cpu()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:]), torch.cuda.max_memory_allocated(device) if on_gpu else None


def choose(measured: list[Measured]) -> Tuned:
    """The smallest batch size within a few per cent of the fastest. Raises MemoryError if there is none at all."""
    if not measured:
        raise MemoryError(
            "Not even one picture fits into the device's memory; take a smaller size or --dtype bfloat16."
        )
    fastest = max(row.pictures_a_second for row in measured)
    fitting = [row.batch_size for row in measured if row.pictures_a_second * GAIN >= fastest]
    return Tuned(batch_size=min(fitting), measured=measured, when=time.time())
