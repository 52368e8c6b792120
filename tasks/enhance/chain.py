"""Enhance: a chain of steps over finished pictures, written as in `denoise:0.3,palette:ref.png@0.7,upscale:2`.

The steps and what each takes are in `models/filters/`; adding one there makes it a step here. The same chain serves
`render --enhance` and `reprocess`. A caller with integers of 8, 12 or 16 bits, signed or not, divides by the full range
to float32 and rounds back: float32 has 24 bits, so what no step changes comes back exactly.
"""

import difflib
import itertools
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import BaseModel, field_validator
from torch import Tensor

from models.filters import GRID, STEPS, Reference, Step
from tasks.enhance import reference_files
from tasks.runfolder.errors import BadInput

Chain = tuple[tuple[Step, Any], ...]

# Rows do not depend on each other, so a batch goes in parts: that bounds memory, and on a CPU a part fits the cache.
PIXELS_AT_ONCE = {"cpu": 2**16, "cuda": 2**22}
TILE = 2048  # pixels a side: a larger picture goes in tiles, where its steps reach only so far


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
    """Reads `name:value,name:value`; steps apply in that order, a name may come twice, empty text is no step.

    What a value may be is the step's own: a number, a word, `centre/width`, a path with `@strength`. Some steps do
    without. Files are not looked at yet; see `open_chain`. Paths have no comma.

    Raises BadInput for an unknown name (with the nearest known one), an empty step, and a value that is missing, of the
    wrong kind or out of the step's range.
    """
    if not text.strip():
        return ()
    return tuple(_parse_step(part.strip(), text) for part in text.split(","))


def _parse_step(part: str, chain: str) -> tuple[Step, Any]:
    if not part:
        raise BadInput(f"The enhancement chain {chain!r} has an empty step: remove the extra comma.")
    name, _, value = (piece.strip() for piece in part.partition(":"))
    step = STEPS.get(name.lower())
    if step is None:
        near = difflib.get_close_matches(name.lower(), STEPS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"the steps are {', '.join(sorted(STEPS))}."
        raise BadInput(f"The enhancement chain {chain!r} has an unknown step {name!r}: {hint}")
    try:
        return step, step.argument.read(value)
    except ValueError as error:
        takes = f"{step.name} takes {step.argument.takes()}."
        raise BadInput(f"The enhancement step {part!r} {error}: {takes}") from None


def open_chain(text: str) -> tuple[Chain, dict[str, str]]:
    """The chain, and the sha256 of each file it refers to; to be called before any work is begun.

    Raises BadInput as `parse_chain` does, and for a file that is missing or cannot be used.
    """
    chain = parse_chain(text)
    files = [value for _, value in chain if isinstance(value, Reference)]
    for file in files:
        reference_files.load(file)
    return chain, {file.path: reference_files.fingerprint(file) for file in files}


def enhance(images: Tensor, chain: Chain) -> Tensor:
    """Applies the steps in order to pictures (n, 1 or 3, h, w), float in [0, 1]; the result is of the same kind.

    Its size is the same, too, unless a step makes pictures larger. Runs where the pictures are (CPU or GPU). A row's
    bytes depend on that row alone.

    Raises ValueError for another shape or an integer tensor, and BadInput when a step does not fit these pictures
    (colours of grey ones, a mask of another size) or its file cannot be used.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.is_floating_point():
        kind = f"{tuple(images.shape)} {images.dtype}"
        raise ValueError(f"Pictures to enhance must be a float tensor (n, 1 or 3, height, width), not {kind}.")
    active = [(step, value) for step, value in chain if not step.argument.idle(value)]
    if not active or not images.numel():
        return images
    loaded = [(step, reference_files.load(v) if isinstance(v, Reference) else v) for step, v in active]
    rows = max(1, PIXELS_AT_ONCE.get(images.device.type, 2**20) // (images.shape[2] * images.shape[3]))
    return torch.cat([_apply(part, loaded) for part in images.split(rows)])


def reach(chain: Chain) -> int | None:
    """How many pixels away a result still depends on the picture, or None for all of it."""
    each = [step.far(value) for step, value in chain if not step.argument.idle(value)]
    return None if None in each else sum(far for far in each if far is not None)


def _apply(images: Tensor, steps: Sequence[tuple[Step, Any]]) -> Tensor:
    """The steps one after the other; of a large picture, those of known reach a tile at a time."""
    for near, group in itertools.groupby(steps, lambda item: item[0].far(item[1]) is not None):
        together = list(group)
        large = near and max(images.shape[2:]) > TILE
        images = _in_tiles(images, together) if large else _in_turn(images, together)
    return images


def _in_turn(images: Tensor, steps: Sequence[tuple[Step, Any]]) -> Tensor:
    for step, value in steps:
        try:
            images = step.apply(images, value).clamp(0, 1)
        except ValueError as error:
            raise BadInput(f"The enhancement step {step.name!r} cannot be done: {error}.") from error
    return images


def _in_tiles(images: Tensor, steps: Sequence[tuple[Step, Any]]) -> Tensor:
    """As `_in_turn`, in the memory of one tile beside the pictures; tiles overlap by as far as the steps reach."""
    reach = sum(step.far(value) or 0 for step, value in steps)
    height, width = images.shape[2:]
    made = torch.empty_like(images)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            y, x = (max(0, at - reach) // GRID * GRID for at in (top, left))
            tile = images[..., y : top + TILE + reach, x : left + TILE + reach]
            inner = made[..., top : top + TILE, left : left + TILE]
            done = _in_turn(tile, steps)
            inner.copy_(done[..., top - y : top - y + inner.shape[2], left - x : left - x + inner.shape[3]])
    return made
