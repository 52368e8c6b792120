"""The one thread of a process that uses the device."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


@cache
def _device_thread(device: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=f"models on {device}")


def in_device_thread(device: str, function: Callable[[], Result]) -> Result:
    """Runs `function` in the one thread of this process that uses the device.

    One thread, not one lock: each thread that calls into torch would get a pool of CPU threads of its own.
    """
    return _device_thread(device).submit(function).result()
