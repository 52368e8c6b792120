"""CPU seconds of a process and its descendants: the cost of work, whatever else runs on the machine."""

import contextlib
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Self

import psutil


def _times() -> Iterator[tuple[psutil.Process, Any]]:
    """This process and its live descendants, each with psutil's CPU times."""
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            yield process, process.cpu_times()


def seconds() -> float:
    """CPU seconds so far of this process and its descendants, including ended ones that were waited for."""
    total = 0.0
    for _, times in _times():
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def settled() -> float:
    """`seconds` once this process and its descendants idle, after ten seconds at most: Prefect's server stores the last
    states after a flow has returned, at that flow's cost."""
    used = seconds()
    for _ in range(50):
        time.sleep(0.2)
        before, used = used, seconds()
        if used - before < 0.02:
            break
    return used


class Meter:
    """Samples the CPU seconds of this process and its descendants once a second.

    A process that has ended counts as last seen, whether or not it was waited for: the parents of Ray's workers don't
    report them.
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
        """CPU seconds from `moment`, in seconds since the epoch, to the end."""
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
