"""Processor seconds of a process and all it started: what work costs, whoever else is on the machine."""

import contextlib
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Self

import psutil


def _times() -> Iterator[tuple[psutil.Process, Any]]:
    """This process and those below it that are there, each with psutil's processor times."""
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            yield process, process.cpu_times()


def seconds() -> float:
    """Processor seconds so far of this process and those below it, ended ones that were waited for included."""
    total = 0.0
    for _, times in _times():
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def settled() -> float:
    """The same of this process once it and those below it idle, at the latest after ten seconds: Prefect's server
    stores the last states behind a flow's back, which is that flow's cost."""
    used = seconds()
    for _ in range(50):
        time.sleep(0.2)
        before, used = used, seconds()
        if used - before < 0.02:
            break
    return used


class Meter:
    """Looks once a second at the processor seconds of this process and all below it; ask it afterwards.

    A process that has ended counts as it was last seen, whether or not somebody waited for it: Ray's workers have
    parents that don't tell.
    """

    def __init__(self) -> None:
        self._used: dict[psutil.Process, float] = {}
        self._moments: list[float] = []
        self._totals: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def since(self, moment: float) -> float:
        """Processor seconds from a moment, in seconds since the epoch, to the end."""
        after = bisect_left(self._moments, moment)
        if after == 0:
            return self._totals[-1] - self._totals[0]
        (t0, t1), (u0, u1) = self._moments[after - 1 : after + 1], self._totals[after - 1 : after + 1]
        return self._totals[-1] - (u0 + (u1 - u0) * (moment - t0) / (t1 - t0))

    def _watch(self) -> None:
        while not self._ended.wait(1):
            self._look()

    def _look(self) -> None:
        self._used.update((process, times.user + times.system) for process, times in _times())
        self._moments.append(time.time())
        self._totals.append(sum(self._used.values()))
