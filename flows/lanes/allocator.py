"""Keeps freed memory in the process.

By default the allocators return large arrays to the system when they are freed, above all outside the main thread, and
the kernel must clear every page of the next one. benchmarks/README.md has what that costs (`peers.py`), and what memory
is at most (`memory.py`): a heap without any mmap, which large arrays of all sizes fragment, was 250 MB larger after a
thousand pictures of 1024 pixels.
"""

import ctypes
import os

# Environment variable of glibc's malloc: the parameter of `mallopt` (glibc's malloc.h) and its value.
_SETTINGS = {
    "MALLOC_ARENA_MAX": (-8, 1),  # one heap: those of threads hold at most 64 MB and are returned eagerly
    "MALLOC_MMAP_THRESHOLD_": (-3, 32 << 20),  # only larger arrays (the most it takes) are outside of it
    "MALLOC_TRIM_THRESHOLD_": (-1, 256 << 20),  # free bytes at its end that are kept
}


def keep_freed() -> None:
    """Configures the allocators of this process and its children; call it before large tensors are allocated.

    Settings in the environment take precedence, and a malloc that is not glibc's is left alone.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # pages of 2 MB for torch's large tensors
    if "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, (parameter, value) in _SETTINGS.items():
            mallopt(parameter, value)
            os.environ[name] = str(value)  # for lanes on Ray
