"""Whether bfloat16 is worth while on a device."""

import torch


def bf16_pays(device: str) -> bool:
    """True on CPUs with AMX or AVX-512 BF16, which multiply bfloat16 faster, and on GPUs that know it.

    Elsewhere it is emulated, and slower than float32.
    """
    if device == "cpu":
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
