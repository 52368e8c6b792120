"""What a device has to offer."""

import torch


def has_device(device: str) -> bool:
    """Whether torch can work on a device of that name."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError):  # the latter where torch was built without it
        return False
    return True


def free_memory(device: str) -> int:
    """Bytes that are free now: of the GPU, or of the machine."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def multiplies_bfloat16(device: str) -> bool:
    """Whether the processor has instructions for bfloat16; others take many times as long."""
    if device == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
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
