"""All of a process's work on the device runs in one thread."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


@cache
def _device_thread(device: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=f"models on {device}")


def in_device_thread(device: str, function: Callable[[], Result]) -> Result:
    """Runs `function` in this process's only thread for the device and returns its result.

    A thread rather than a lock, because torch gives every thread that calls it a CPU thread pool of its own.
    """
    return _device_thread(device).submit(function).result()
