"""One thread of a process for each device: what several shards want of it is done one after the other.

A thread rather than a lock, because torch gives every thread that calls it a CPU thread pool of its own.
"""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import cache
from queue import PriorityQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Worker:
    """A thread that calls functions, the most urgent first and equals in the order in which they came."""

    def __init__(self, name: str, device: str) -> None:
        self._device = device
        self._waiting: PriorityQueue[tuple[int, int, Future[Any], Callable[[], Any]]] = PriorityQueue()
        self._numbers = itertools.count()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, function: Callable[[], Result], urgency: int) -> Future[Result]:
        future: Future[Result] = Future()
        self._waiting.put((-urgency, next(self._numbers), future, function))
        return future

    def _run(self) -> None:
        while True:
            _, _, future, function = self._waiting.get()
            try:
                _make_current(self._device)
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)
            del future, function  # or they would keep their shard alive until the next one comes


_mine = threading.local()
_only_one = threading.Lock()
_cached = cache(_Worker)


def _worker(name: str, device: str) -> _Worker:
    with _only_one:  # a cache alone lets two that come at once make one each
        return _cached(name, device)


def _make_current(device: str) -> None:
    """A GPU that is named by its number becomes this thread's own, so that nothing is put on the first one."""
    if device.startswith("cuda:"):
        import torch

        torch.cuda.set_device(device)


def nothing() -> None:
    """What a thread that has nothing else to do does meanwhile."""


def in_thread(
    name: str,
    function: Callable[[], Result],
    urgency: int = 0,
    device: str = "cpu",
    meanwhile: Callable[[], None] = nothing,
) -> Result:
    """Runs `function` in this process's only thread of that name, which is for a device, and returns its result.

    Args:
        meanwhile: what the calling thread does until then, such as taking what `function` sends.
    """
    result = _worker(name, device).submit(function, urgency)
    try:
        meanwhile()
    finally:
        wait([result])  # it works on what the caller holds, also if that failed
    return result.result()


def in_device_thread(
    device: str, function: Callable[[], Result], urgency: int = 0, meanwhile: Callable[[], None] = nothing
) -> Result:
    """Runs `function` in the thread that encodes texts and generates pictures on a device; as `in_thread`."""
    seconds = 0.0

    def timed() -> Result:
        nonlocal seconds
        begun = time.perf_counter()
        try:
            return function()
        finally:
            seconds = time.perf_counter() - begun

    try:
        return in_thread(f"models on {device}", timed, urgency, device, meanwhile)
    finally:
        _mine.seconds = getattr(_mine, "seconds", 0.0) + seconds


def take_device_seconds() -> float:
    """Seconds that devices worked for this thread since it asked last."""
    seconds = getattr(_mine, "seconds", 0.0)
    _mine.seconds = 0.0
    return seconds


def in_filter_thread(device: str, function: Callable[[], Result], meanwhile: Callable[[], None] = nothing) -> Result:
    """Runs `function`, which applies filters: in a GPU's thread, or on a CPU beside the one that generates."""
    if device == "cpu":
        return in_thread("filters on cpu", function, meanwhile=meanwhile)
    return in_device_thread(device, function, 2, meanwhile)
