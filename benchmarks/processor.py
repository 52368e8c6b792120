"""Processor seconds of a process and all it started: what work costs, whoever else is on the machine."""

import contextlib
import time

import psutil


def seconds(root: int | None = None) -> float:
    """Processor seconds so far of a process (by default this one) and those below it, ended ones that were waited for
    included."""
    me = psutil.Process(root)
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
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
