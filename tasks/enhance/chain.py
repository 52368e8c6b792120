"""Enhance: applies a chain of filters to images, written as in `denoise:0.3,palette:ref.png@0.7,upscale:2`.

The steps and their arguments are in `models/filters/`; a filter added there is a step here. The same chain serves
`render --enhance` and `reprocess`. A caller with integers of 8, 12 or 16 bits, signed or not, divides by the full range
to float32 and rounds back: float32 has 24 bits of precision, so unchanged values come back exactly.
"""

import difflib
import itertools
import math
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from models.filters import GRID, STEPS, Reference, Step
from tasks.enhance import reference_files
from tasks.runfolder.errors import BadInput

Chain = tuple[tuple[Step, Any], ...]

# Images are independent, so a batch is processed in parts: that bounds memory, and on a CPU a part fits the cache.
PIXELS_AT_ONCE = {"cpu": 2**16, "cuda": 2**22}
TILE = 2048  # pixels per side: larger images are processed in tiles by steps with a finite reach


def parse_chain(text: str) -> Chain:
    """Reads `name:value,name:value`; steps apply in that order, may repeat, and an empty text is an empty chain.

    Each step defines its value: a number, a word, `centre/width`, a path with `@strength`, or none. Files are not
    opened yet; see `open_chain`. Paths must not contain commas.

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
    """The chain, and the sha256 of each file it refers to, by name; call it before any work starts.

    Raises BadInput as `parse_chain` does, and for a file that is missing or cannot be used.
    """
    chain = parse_chain(text)
    files = [value for _, value in chain if isinstance(value, Reference)]
    for file in files:
        reference_files.load(file)
    found: dict[str, list[str]] = {}
    for file in files:
        found.setdefault(base_name(file.path), []).append(reference_files.fingerprint(file))
    return chain, {name: " ".join(dict.fromkeys(digests)) for name, digests in found.items()}


def name_files(text: str) -> str:
    """A chain with the name of each file in the place of its path."""
    if not text.strip():
        return text
    parts = text.split(",")
    for at, ((_, value), part) in enumerate(zip(parse_chain(text), parts, strict=True)):
        if isinstance(value, Reference):
            step, _, rest = part.partition(":")
            parts[at] = f"{step}:{rest.replace(value.path, base_name(value.path), 1)}" if rest else part
    return ",".join(parts)


def base_name(path: str) -> str:
    """The last part of a path or URL."""
    return PurePosixPath(urlsplit(path).path if "://" in path else path).name or path


def enhance(images: Tensor, chain: Chain) -> Tensor:
    """Applies the steps in order to images (n, 1 or 3, h, w), float in [0, 1], on the images' device.

    Returns images of the same kind, and of the same size unless a step upscales. Each output image depends only on its
    own input image, to the byte.

    Raises ValueError for another shape or an integer tensor, and BadInput when a step does not fit these images (a
    colour step on grey ones, a mask of another size) or its file cannot be used.
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


def growth(chain: Chain) -> int:
    """How many times as many pixels the chain makes of a picture."""
    return math.prod(step.scale(value) ** 2 for step, value in chain)


def reach(chain: Chain) -> int | None:
    """Receptive radius of the chain in pixels, or None if a result may depend on the whole image."""
    radii = [step.far(value) for step, value in chain if not step.argument.idle(value)]
    return None if None in radii else sum(radius for radius in radii if radius is not None)


def _apply(images: Tensor, steps: Sequence[tuple[Step, Any]]) -> Tensor:
    """Applies the steps one after the other; on large images, steps with a finite reach run tile by tile."""
    for local, group in itertools.groupby(steps, lambda item: item[0].far(item[1]) is not None):
        run = list(group)
        tiled = local and max(images.shape[2:]) > TILE
        images = _apply_tiled(images, run) if tiled else _apply_whole(images, run)
    return images


def _apply_whole(images: Tensor, steps: Sequence[tuple[Step, Any]]) -> Tensor:
    for step, value in steps:
        try:
            images = step.apply(images, value).clamp(0, 1)
        except ValueError as error:
            raise BadInput(f"The enhancement step {step.name!r} cannot be applied: {error}.") from error
    return images


def _apply_tiled(images: Tensor, steps: Sequence[tuple[Step, Any]]) -> Tensor:
    """As `_apply_whole`, with memory for one tile beside the images; tiles overlap by the reach of the steps."""
    reach = sum(step.far(value) or 0 for step, value in steps)
    height, width = images.shape[2:]
    output = torch.empty_like(images)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            y, x = (max(0, at - reach) // GRID * GRID for at in (top, left))
            tile = images[..., y : top + TILE + reach, x : left + TILE + reach]
            inner = output[..., top : top + TILE, left : left + TILE]
            result = _apply_whole(tile, steps)
            inner.copy_(result[..., top - y : top - y + inner.shape[2], left - x : left - x + inner.shape[3]])
    return output
