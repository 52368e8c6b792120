"""Panoramas from diffusers checkpoints: pictures whose right edge goes on at their left.

A UNet sees positions through its convolutions alone, so they take the columns beyond an edge from the other one
(circular padding): then no column is different from another. A transformer is told positions, so its pictures are wider
by a margin on either side that repeats the columns of the other; noise is the same in both, and after each step the two
become one, blended from margin to margin. What decodes latents sees them with such margins, too, also in tiles.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.diffusers.checkpoint import DiffusersCheckpoint
from models.diffusers.image_half import DiffusersGenerator
from models.diffusers.options import Acceleration
from models.panorama import check_shape

MARGIN = 1 / 8  # of a panorama's width, on either side, for transformers
DECODED = 24  # columns of latents on either side that a decoder sees, if there are as many


class DiffusersPanoramas(DiffusersGenerator):
    """A checkpoint's denoiser and decoder for pictures of all that is around.

    Raises:
        ValueError: its pipeline makes none; the message is one sentence.
    """

    def __init__(self, checkpoint: DiffusersCheckpoint, device: str, options: Acceleration) -> None:
        super().__init__(checkpoint, device, options)
        check_pipeline(checkpoint.kind, self._skeleton)
        self.references = 0  # their columns would be beside others than the picture's

    def panoramic(self) -> DiffusersGenerator:
        return self

    def ready(self) -> None:
        if self._pipe is None:
            super().ready()
            unet = getattr(self._pipe, "unet", None)
            if unet is not None:
                wrap_convolutions(unet)

    def check_size(self, width: int, height: int) -> None:
        check_shape(width, height)
        super().check_size(width, height)

    def _around(self, arguments: dict[str, Any]) -> AbstractContextManager[Any]:
        width, height = arguments["width"], arguments["height"]
        beside = margin(self._pipe, width, self.multiple)
        arguments["width"] = width + 2 * beside
        return closed(self._pipe, width, height, beside)


def check_pipeline(kind: Any, pipe: Any) -> None:
    """Raises ValueError with one sentence if pipelines of this class make no panoramas."""
    why = None
    if not hasattr(getattr(pipe, "vae", None), "decode"):
        why = "its latents are not decoded by a vae"
    elif not hasattr(kind, "prepare_latents"):
        why = "its noise cannot be reached"
    elif not hasattr(getattr(pipe, "scheduler", None), "step"):
        why = "its steps are not a scheduler's"
    if why is not None:
        raise ValueError(f"{kind.__name__} makes no panoramas, as {why}; leave --panorama out.")


def wrap_convolutions(network: nn.Module) -> None:
    """Gives the convolutions of a UNet circular padding of columns; rows keep theirs."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and not isinstance(layer.padding, str) and layer.padding[1]:
            layer._conv_forward = _circular(layer)  # type: ignore[assignment, method-assign]


def _circular(layer: nn.Conv2d) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    down, across = (int(edge) for edge in layer.padding)

    def forward(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        wide = F.pad(images, (across, across, 0, 0), mode="circular")
        return F.conv2d(wide, weight, bias, layer.stride, (down, 0), layer.dilation, layer.groups)

    return forward


def margin(pipe: Any, width: int, multiple: int) -> int:
    """Pixels on either side by which the pictures of a pipeline are made wider: none with a UNet."""
    if getattr(pipe, "unet", None) is not None:
        return 0
    return math.ceil(width * MARGIN / multiple) * multiple


@contextmanager
def closed(pipe: Any, width: int, height: int, beside: int) -> Iterator[None]:
    """Within it, the pipeline makes panoramas of width x height pixels, if it is asked for pictures that are wider by
    `beside` on either side."""
    whole = width + 2 * beside
    owners: list[tuple[Any, str]] = [(pipe.vae, "decode")]
    pipe.vae.decode = _closed_decode(pipe.vae.decode, width, whole)
    if beside:
        share = beside / whole

        def close(latents: Tensor) -> Tensor:
            return _by_columns(latents, whole / height, lambda columns: _repeated(columns, share))

        def blend(latents: Tensor) -> Tensor:
            return _by_columns(latents, whole / height, lambda columns: _blended(columns, share))

        owners += [(pipe, "prepare_latents"), (pipe.scheduler, "step")]
        pipe.prepare_latents = _first(pipe.prepare_latents, close)
        pipe.scheduler.step = _first(pipe.scheduler.step, blend)
    try:
        yield
    finally:
        for owner, name in owners:
            delattr(owner, name)


def _first(function: Callable[..., Any], change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """The function with a change of what it returns, or of the first of that."""

    def changed(*positional: Any, **named: Any) -> Any:
        made = function(*positional, **named)
        if isinstance(made, tuple):
            return (change(made[0]), *made[1:])
        if isinstance(made, Tensor):
            return change(made)
        made.prev_sample = change(made.prev_sample)
        return made

    # Pipelines look at which arguments a scheduler's step takes.
    changed.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return changed


def _by_columns(latents: Tensor, ratio: float, change: Callable[[Tensor], Tensor]) -> Tensor:
    """A change of latents that sees columns last: of (..., rows, columns), or of tokens (batch, rows * columns, width).

    Args:
        ratio: of columns to rows.
    """
    if latents.ndim != 3:
        return change(latents)
    columns = round(math.sqrt(latents.shape[1] * ratio))
    grid = latents.unflatten(1, (-1, columns)).movedim(2, 3)
    return change(grid).movedim(3, 2).flatten(1, 2)


def _repeated(columns: Tensor, share: float) -> Tensor:
    """Columns whose margins, a share of them on either side, repeat those at the other end."""
    edge = round(columns.shape[-1] * share)
    inner = columns[..., edge:-edge]
    return torch.cat([inner[..., -edge:], inner, inner[..., :edge]], -1)


def _blended(columns: Tensor, share: float) -> Tensor:
    """As `_repeated`, but what is there twice becomes a blend of both: of each, most where its end is far."""
    both = 2 * round(columns.shape[-1] * share)
    weight = (torch.arange(both, device=columns.device, dtype=torch.float32) + 0.5) / both
    once = torch.lerp(columns[..., -both:].float(), columns[..., :both].float(), weight).to(columns.dtype)
    return torch.cat([once, columns[..., both:-both], once], -1)


def _closed_decode(decode: Callable[..., Any], width: int, whole: int) -> Callable[..., Any]:
    """A vae's `decode` that takes latents of `whole` pixels, with margins, and gives pictures of `width`, without a
    seam where the decoder works in tiles, too."""

    def closed(latents: Tensor, *positional: Any, **named: Any) -> Any:
        edge = round(latents.shape[-1] * (whole - width) / (2 * whole))
        inner = latents[..., edge : latents.shape[-1] - edge]
        beside = min(DECODED, inner.shape[-1] // 2)
        wide = torch.cat([inner[..., -beside:], inner, inner[..., :beside]], -1)
        made = decode(wide, *positional, **named)
        pixels = made[0] if isinstance(made, tuple) else made.sample
        before = beside * (pixels.shape[-1] // wide.shape[-1])
        picture = pixels[..., before:-before].clone()
        both = before // 2  # the right end becomes what has been decoded as the left end's neighbour
        weight = (torch.arange(both, device=pixels.device, dtype=torch.float32) + 0.5) / both
        beyond = pixels[..., before - both : before]
        picture[..., -both:] = torch.lerp(picture[..., -both:].float(), beyond.float(), weight).to(pixels.dtype)
        if isinstance(made, tuple):
            return (picture, *made[1:])
        made.sample = picture
        return made

    return closed
