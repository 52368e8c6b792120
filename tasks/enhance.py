"""Enhance: a chain of filters over finished pictures, written as in `denoise:0.3,contrast:1.1`.

The filters, their ranges and units are in `models/filters.py`; adding one there makes it a step here.
"""

import difflib
from collections.abc import Sequence

import torch
from pydantic import BaseModel, field_validator
from torch import Tensor

from models.filters import STEPS, Step
from tasks.errors import BadInput
from tasks.work import Work

Chain = tuple[tuple[Step, float], ...]

# Rows do not depend on each other, so a batch goes in parts: that bounds memory, and on a CPU a part fits the cache.
PIXELS_AT_ONCE = {"cpu": 2**16, "cuda": 2**22}


class EnhanceOptions(BaseModel):
    """What is done to every picture before it is written."""

    enhance: str = ""
    """Enhancement steps in order, as in denoise:0.3,contrast:1.1; empty for none."""

    @field_validator("enhance")
    @classmethod
    def _readable(cls, chain: str) -> str:
        parse_chain(chain)
        return chain


def parse_chain(text: str) -> Chain:
    """Reads `name:number,name:number`; steps apply in that order, a name may come twice, empty text is no step.

    Raises BadInput for an unknown name (with the nearest known one), an empty step, and a number that is missing, not
    a number or out of the step's range.
    """
    if not text.strip():
        return ()
    return tuple(_parse_step(part.strip(), text) for part in text.split(","))


def _parse_step(part: str, chain: str) -> tuple[Step, float]:
    if not part:
        raise BadInput(f"The enhancement chain {chain!r} has an empty step: remove the extra comma.")
    name, _, number = (piece.strip() for piece in part.partition(":"))
    step = STEPS.get(name.lower())
    if step is None:
        near = difflib.get_close_matches(name.lower(), STEPS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"the steps are {', '.join(sorted(STEPS))}."
        raise BadInput(f"The enhancement chain {chain!r} has an unknown step {name!r}: {hint}")
    takes = f"{step.name} takes {step.low:g} to {step.high:g} ({step.unit}; {step.neutral:g} changes nothing)."
    try:
        value = float(number)
    except ValueError:
        wrong = f"{number!r} is not a number" if number else "its number is missing"
        raise BadInput(f"The enhancement step {part!r} cannot be used, {wrong}: {takes}") from None
    if not step.low <= value <= step.high:  # NaN, too
        raise BadInput(f"The enhancement step {part!r} is out of range: {takes}")
    return step, value


def enhance(images: Tensor, chain: Chain) -> Tensor:
    """Applies the steps in order to pictures (n, 3, h, w), float in [0, 1]; the result has the same shape and range.

    Runs where the pictures are (CPU or GPU). A row's bytes depend on that row alone. Raises ValueError for another
    shape or an integer tensor.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        kind = f"{tuple(images.shape)} {images.dtype}"
        raise ValueError(f"Pictures to enhance must be a float tensor (n, 3, height, width), not {kind}.")
    active: Sequence[tuple[Step, float]] = [(step, value) for step, value in chain if value != step.neutral]
    if not active or not images.numel():
        return images
    rows = max(1, PIXELS_AT_ONCE.get(images.device.type, 2**20) // (images.shape[2] * images.shape[3]))
    return torch.cat([_apply(part, active) for part in images.split(rows)])


def enhance_work(work: Work, options: EnhanceOptions) -> None:
    """Applies the chain to all pictures of a shard, those of one size together."""
    chain = parse_chain(options.enhance)
    for pictures in work.by_size():
        made = enhance(torch.stack([picture.pixels for picture in pictures if picture.pixels is not None]), chain)
        for picture, pixels in zip(pictures, made, strict=True):
            picture.pixels = pixels


def _apply(images: Tensor, steps: Sequence[tuple[Step, float]]) -> Tensor:
    for step, value in steps:
        images = step.apply(images, value).clamp(0, 1)
    return images
