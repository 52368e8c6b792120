"""Processor seconds of a process and all it started: what work costs, whoever else is on the machine."""

import contextlib
import time
from collections.abc import Collection

import psutil


def seconds(root: int | None = None, without: Collection[int] = ()) -> float:
    """Processor seconds so far of a process (by default this one) and those below it, ended ones that were waited for
    included; `without` are children, left out with all below them."""
    me = psutil.Process(root)
    tree = [me]
    for child in me.children():
        if child.pid not in without:
            tree.append(child)
            with contextlib.suppress(psutil.NoSuchProcess):
                tree += child.children(recursive=True)
    total = 0.0
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def settled(without: Collection[int] = ()) -> float:
    """The same of this process once it and those below it idle, at the latest after ten seconds: Prefect's server
    stores the last states behind a flow's back, which is that flow's cost."""
    used = seconds(without=without)
    for _ in range(50):
        time.sleep(0.2)
        before, used = used, seconds(without=without)
        if used - before < 0.02:
            break
    return used
