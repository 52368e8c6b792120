"""One thread of a process for each device, so that its work is done in order, and others beside it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


@cache
def _thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=name)


def in_thread(name: str, function: Callable[[], Result]) -> Result:
    """Runs `function` in this process's only thread of that name and returns its result.

    A thread rather than a lock, because torch gives every thread that calls it a CPU thread pool of its own.
    """
    return _thread(name).submit(function).result()


def in_device_thread(device: str, function: Callable[[], Result]) -> Result:
    """Runs `function` in the thread that encodes texts and generates pictures on a device."""
    return in_thread(f"models on {device}", function)


def in_filter_thread(device: str, function: Callable[[], Result]) -> Result:
    """Runs `function`, which applies filters: in a GPU's thread, or on a CPU beside the one that generates."""
    return in_thread("filters on cpu", function) if device == "cpu" else in_device_thread(device, function)
