"""What a device can do, how much of its memory is free, and how to tell that it ran out."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch


def has_device(device: str) -> bool:
    """Whether torch can use a device of this name on this machine."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError):  # the latter where torch was built without it
        return False
    return True


_OUT_OF_MEMORY = ("DefaultCPUAllocator", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
_BROKEN = ("CUDA error", "CUDA driver error", "NCCL", "_EXECUTION_FAILED", "_INTERNAL_ERROR", "uncorrectable ECC")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch ran out of memory. It has an error class for its own allocator on GPUs; else the message tells."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(mark in str(error) for mark in _OUT_OF_MEMORY)
    )


def is_broken(error: BaseException) -> bool:
    """Whether the device or its driver failed, not the work: every later call in this process would fail, too."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    return isinstance(error, torch.AcceleratorError) or any(mark in str(error) for mark in _BROKEN)


def finish() -> None:
    """Waits until this thread's GPU has done what is queued, and raises what went wrong there; nothing elsewhere."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def free_memory(device: str) -> int:
    """Free memory in bytes: of the GPU, or of the machine for any other device."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def multiplies_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 in hardware; a processor without that takes many times as long."""
    if device == "cpu":
        known = torch.cpu.get_capabilities()
        return bool(known.get("avx512_bf16") or known.get("amx_tile"))
    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)


def device_name(device: str) -> str:
    """The name that measurements are filed under: the GPU's model, or `cpu` with its thread count.

    A GPU that only other machines have is named as it was given.
    """
    if device.startswith("cuda") and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(device))
    return device if device.startswith("cuda") else f"{device}, {torch.get_num_threads()} threads"


def beside(device: str) -> AbstractContextManager[object]:
    """Within it, this thread's work has a queue of its own on a GPU: it runs beside what is queued outside, and waiting
    for it is not waiting for that. Nothing on other devices."""
    return torch.cuda.stream(_second_stream(device)) if device.startswith("cuda") else nullcontext()


@cache
def _second_stream(device: str) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def let_go(device: str) -> None:
    """Returns memory that nothing refers to any more to the device."""
    import gc

    gc.collect()  # pipelines contain reference cycles
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
