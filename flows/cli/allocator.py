"""Keep freed memory in the process.

By default the allocators return a large array to the system when it is freed, most of all in other threads than the
main one, and the system clears every page of the next one. benchmarks/README.md says what that costs (`peers.py`).
"""

import ctypes
import os

# Environment variable of glibc's malloc: the parameter of `mallopt` (glibc's malloc.h) and its value.
_SETTINGS = {
    "MALLOC_ARENA_MAX": (-8, 1),  # one heap: a thread's own is of 64 MB at most and given back eagerly
    "MALLOC_MMAP_MAX_": (-4, 0),  # no array outside of it
    "MALLOC_TRIM_THRESHOLD_": (-1, 1 << 30),  # bytes at its end that stay
}


def keep_freed() -> None:
    """Sets up the allocators of this process and of those it starts. To be called before there are large tensors.

    A malloc that the user has configured by the environment, or that is not glibc's, is left alone.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # pages of 2 MB for torch's large tensors
    if "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, (parameter, value) in _SETTINGS.items():
            mallopt(parameter, value)
            os.environ[name] = str(value)  # for workers of Ray and Dask
