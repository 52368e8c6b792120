"""What a device has to offer, and how torch says that it is spent."""

from pathlib import Path

import pytest
import torch

from models.device import is_broken, is_out_of_memory, multiplies_bfloat16


def test_the_end_of_a_cpu_s_memory_is_known_by_torch_s_words() -> None:
    with pytest.raises(RuntimeError) as failure:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(failure.value)
    assert is_out_of_memory(torch.OutOfMemoryError())


def test_other_failures_are_not_taken_for_it() -> None:
    with pytest.raises(RuntimeError) as failure:
        torch.zeros(2) @ torch.zeros(3)
    assert not is_out_of_memory(failure.value)
    assert not is_out_of_memory(MemoryError("DefaultCPUAllocator"))


def test_bfloat16_is_known_as_the_kernel_knows_it() -> None:
    flags = next(
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("flags", "Features"))
    )
    assert multiplies_bfloat16("cpu") == bool({"avx512_bf16", "amx_tile"} & set(flags.split()))


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("NCCL communicator was aborted"),
    ],
)
def test_a_broken_device_is_told_from_a_row_that_fails(error: RuntimeError) -> None:
    assert is_broken(error)
    assert not is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ValueError("CUDA error"),
    ],
)
def test_neither_a_bad_row_nor_the_end_of_memory_is_a_broken_device(error: Exception) -> None:
    assert not is_broken(error)
