"""Memory that is freed stays with the process.

By default the allocators give a large array back to the system when it is freed, outside of the main thread above all,
and every page of the next one is cleared anew. benchmarks/README.md has what that costs (`peers.py`).
"""

import ctypes
import os

_ARENA_MAX, _MMAP_MAX, _TRIM_THRESHOLD = -8, -4, -1  # of glibc's malloc.h


def keep_freed() -> None:
    """Sets up the allocators of this process, to be called before there are threads and tensors.

    Whoever has set malloc up by the environment keeps that; where it is not glibc's it stays as it is.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # pages of 2 MB for torch's large tensors
    if "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)  # one heap: a thread's own is of 64 MB at most and given back eagerly
        mallopt(_MMAP_MAX, 0)  # no array outside of it
        mallopt(_TRIM_THRESHOLD, 1 << 30)  # bytes at its end that stay
