"""The sizes of pictures that a pipeline makes, read from its parts without weights."""

import math
from typing import Any

from models.diffusers.acceleration import denoiser_of
from models.diffusers.signatures import Interface


def native_size(pipe: Any, interface: Interface) -> int:
    """The edge in pixels that the pipeline would choose, or 1024."""
    by_call = interface.default("height")
    if by_call is not None:
        return int(by_call)
    sample = getattr(pipe, "default_sample_size", None)
    sample = sample or getattr(denoiser_of(pipe).config, "sample_size", None)
    return sample * pipe.vae_scale_factor if _is_positive(sample) else 1024


def edge_multiple(pipe: Any) -> int:
    """Edges of pictures are multiples of this many pixels."""
    processor = getattr(pipe, "image_processor", None)
    by_processor = processor.config.vae_scale_factor if processor is not None else 1
    patch = getattr(denoiser_of(pipe).config, "patch_size", None)
    by_patch = pipe.vae_scale_factor * (patch if _is_positive(patch) else 1)
    return math.lcm(int(by_processor), int(by_patch))


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and value > 0
