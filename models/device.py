"""What a device has to offer."""

import torch


def has_device(device: str) -> bool:
    """Whether torch can work on a device of that name."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError):  # the latter where torch was built without it
        return False
    return True


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch failed for want of memory, which it says by a class on a GPU, and by its words alone on a CPU."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


def free_memory(device: str) -> int:
    """Bytes that are free now: of the GPU, or of the machine."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def multiplies_bfloat16(device: str) -> bool:
    """Whether the processor has instructions for bfloat16; others take many times as long."""
    if device == "cpu":
        known = torch.cpu.get_capabilities()
        return bool(known.get("avx512_bf16") or known.get("amx_tile"))
    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)


def device_name(device: str) -> str:
    """What figures measured on it belong to; a GPU of other machines, where only they have one, has no name here."""
    if device.startswith("cuda") and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(device))
    return device if device.startswith("cuda") else f"{device}, {torch.get_num_threads()} threads"


def let_go(device: str) -> None:
    """Gives memory that nothing holds any more back to the device."""
    import gc

    gc.collect()  # pipelines hold themselves in cycles
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
