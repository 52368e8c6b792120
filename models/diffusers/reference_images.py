"""Reference pictures as arguments of a diffusers pipeline's call.

Pipelines differ in what a list of pictures means: FLUX.2's are the references of every row of the call, Kontext's are
one a row. Both are looked at in no more pixels than the picture that is made has.
"""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from models.diffusers.signatures import Adapter
from models.reference import Reference

SMALLEST = 64  # pixels of the shorter edge that FLUX.2 takes


def reference_key(adapter: Adapter, references: Sequence[Reference]) -> Hashable:
    """Rows for which this is equal may share a call."""
    if adapter.shared:
        return tuple(one.sha256 for one in references)
    return tuple(one.pixels.shape for one in references)


def reference_arguments(
    adapter: Adapter, references: Sequence[Sequence[Reference]], width: int, height: int, multiple: int
) -> dict[str, Any]:
    """What the call gets for a batch whose rows have equal keys; nothing if they follow no picture."""
    if not references or not references[0]:
        return {}
    if adapter.shared:
        return {"image": [_as_image(one.pixels, width, height, multiple) for one in references[0]]}
    rows = [_reduced(row[0].pixels, width, height, multiple) for row in references]
    return {"image": torch.stack(rows).float() / 255}


def _reduced(pixels: Tensor, width: int, height: int, multiple: int, least: int = 1) -> Tensor:
    """(3, h, w) uint8 of edges that are multiples of `multiple` and at least `least`, else of at most width x height
    pixels."""
    _, high, wide = pixels.shape
    shrink = max(min(1.0, math.sqrt(width * height / (high * wide))), least / min(high, wide))
    size = [max(multiple, round(edge * shrink) // multiple * multiple) for edge in (high, wide)]
    if size == [high, wide]:
        return pixels
    made = F.interpolate(pixels[None].float(), size, mode="bicubic", align_corners=False, antialias=True)[0]
    return made.round().clamp(0, 255).to(torch.uint8)


def _as_image(pixels: Tensor, width: int, height: int, multiple: int) -> Image.Image:
    small = _reduced(pixels, width, height, multiple, SMALLEST)
    return Image.fromarray(small.permute(1, 2, 0).contiguous().numpy())
