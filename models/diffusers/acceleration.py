"""How a diffusers checkpoint is run: number formats, attention kernels, schedulers, caches. All off by default.

Most of these change images, if only in their last bits, and so belong to what identifies a run folder.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from models.diffusers.options import PLAIN, Acceleration
from models.diffusers.workarounds import marks_cache_context
from models.messages import one_line

DENOISERS = ("transformer", "unet")  # names of the part that every denoising step runs


def accelerate(pipe: Any, options: Acceleration) -> None:
    """Applies the options to a pipeline's denoiser half. Raises ValueError with one sentence for what it cannot do."""
    denoiser = denoiser_of(pipe)
    if options.cache_threshold != PLAIN.cache_threshold and options.step_cache != "first-block":
        raise ValueError("cache_threshold is of step_cache first-block alone; ask for that too, or leave it out.")
    if options.scheduler is not None:
        pipe.scheduler = _scheduler(pipe, options.scheduler)
    if options.channels_last:
        for layer in (*denoiser.modules(), *_decoder_of(pipe, "channels_last").modules()):
            if isinstance(layer, torch.nn.Conv2d):
                layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if options.vae_slicing:
        _decoder_of(pipe, "vae_slicing").enable_slicing()
    if options.vae_tiling:
        _decoder_of(pipe, "vae_tiling").enable_tiling()
    if options.weights == "float8":
        denoiser.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=options.torch_dtype)
    if options.step_cache is not None:
        _cache_steps(pipe, denoiser, options)
    if options.compile:
        _compile(denoiser)


def kernels(options: Acceleration) -> AbstractContextManager[Any]:
    """Within it, attention runs on the chosen kernel, and fails where that is not available."""
    if options.attention is None:
        return nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    chosen = {
        "flash": SDPBackend.FLASH_ATTENTION,
        "efficient": SDPBackend.EFFICIENT_ATTENTION,
        "cudnn": SDPBackend.CUDNN_ATTENTION,
        "math": SDPBackend.MATH,
    }[options.attention]
    return sdpa_kernel(chosen)


def denoiser_of(pipe: Any) -> Any:
    """The network that every denoising step runs. Raises ValueError if there is none."""
    found = next((part for name in DENOISERS if (part := getattr(pipe, name, None)) is not None), None)
    if found is None:
        raise ValueError(f"{type(pipe).__name__} has neither a transformer nor a unet, so it cannot be run here.")
    return found


def _decoder_of(pipe: Any, option: str) -> Any:
    if getattr(pipe, "vae", None) is None:
        raise ValueError(f"{option}: {type(pipe).__name__} has no vae; leave it out.")
    return pipe.vae


# For distilled checkpoints; no scheduler names them as compatible. FlowMatchLCMScheduler would draw unseeded noise.
_FEW_STEPS = {"LCMScheduler", "TCDScheduler"}


def _scheduler(pipe: Any, name: str) -> Any:
    import diffusers

    fitting = {kind.__name__ for kind in pipe.scheduler.compatibles}
    fitting |= _FEW_STEPS if "DDIMScheduler" in fitting else set()
    if name not in fitting:
        raise ValueError(
            f"scheduler is {name!r}, which does not fit {type(pipe).__name__}; "
            f"choose one of {', '.join(sorted(fitting))}."
        )
    return getattr(diffusers, name).from_config(pipe.scheduler.config)


def _cache_steps(pipe: Any, denoiser: Any, options: Acceleration) -> None:
    import diffusers

    if not marks_cache_context(type(pipe).__call__):
        raise ValueError(f"step_cache: {type(pipe).__name__} does not go with caches between steps; leave it out.")
    if options.step_cache == "first-block":
        config: Any = diffusers.FirstBlockCacheConfig(threshold=options.cache_threshold)
    else:
        config = diffusers.TaylorSeerCacheConfig()
    try:
        denoiser.enable_cache(config)
    except (AttributeError, ValueError, KeyError) as error:
        raise ValueError(
            f"step_cache is {options.step_cache!r}, which {type(denoiser).__name__} does not have "
            f"({one_line(error)}); leave it out."
        ) from error


def _compile(denoiser: Any) -> None:
    if not getattr(denoiser, "_repeated_blocks", None):
        raise ValueError(f"compile: {type(denoiser).__name__} names no repeated blocks to compile; leave it out.")
    denoiser.compile_repeated_blocks(fullgraph=True)
