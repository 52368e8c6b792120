"""Ends a process whose device hangs: a call into a driver that never returns cannot be stopped in any other way."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

GRACE = 10
"""Seconds that a process has to end by itself: it gives its lock back then."""


@contextmanager
def ended_after(seconds: float | None, what: str) -> Iterator[None]:
    """Ends this process, as SIGTERM does, if what is done within takes longer than `seconds`.

    A lane in a process of its own is then replaced and its shards done again; a run without such lanes is over.
    """
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, _end, [f"imagemill: --batch-timeout {seconds:g}: {what} took longer."])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(sentence: str) -> None:
    print(sentence, "This process ends; no row is lost, the same command goes on.", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)  # the main thread may hang, too, and then no handler of signals runs
    os._exit(1)
