"""Waits for a store that is away, and says so.

What it says goes to the logger `imagemill.store`, once for all threads that wait, and to `listeners`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import TypeVar

from tasks.runfolder.storage import StorageError
from tasks.runfolder.storage_errors import AGAIN

PAUSES = (1, 5, 20)  # seconds before the first tries, then
LONGEST = 60  # before each other one
SAY_AGAIN = 300.0  # seconds between two lines about the same outage

Result = TypeVar("Result")
Listener = Callable[[str], None]

log = logging.getLogger("imagemill.store")


class _Outage:
    """What the threads of this process know of a store that is away."""

    def __init__(self) -> None:
        self.retries = 0
        self.listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._since: float | None = None
        self._said = 0.0

    def goes_on(self, error: StorageError, begun: float, patience: float) -> None:
        """A thread that began to fail at `begun` waits before it tries again."""
        now = time.monotonic()
        with self._lock:
            self.retries += 1
            if self._since is None:
                self._since = begun
            elif now - self._said < SAY_AGAIN:
                return
            self._said, waited = now, now - self._since
        reason = str(error).removesuffix(f"; {AGAIN}")
        log.warning("waiting for the store, %s of at most %s: %s", told(waited), told(patience), reason)
        self._tell(f"waiting for the store: {reason}")

    def is_over(self) -> None:
        """The store took what it had refused."""
        with self._lock:
            if self._since is None:
                return
            waited, self._since = time.monotonic() - self._since, None
        log.warning("the store answers again, after %s", told(waited))
        self._tell("")

    def is_given_up(self) -> None:
        """A thread waits no more; others that do will tell so again."""
        with self._lock:
            self._since = None
        self._tell("")

    def _tell(self, what: str) -> None:
        for listener in list(self.listeners):
            listener(what)


_outage = _Outage()
_ended = threading.Event()


def retries() -> int:
    """How often this process has tried something again that the store had failed to do."""
    return _outage.retries


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Has a function called with what is waited for, and with an empty text when that is over."""
    _outage.listeners.append(listener)
    try:
        yield
    finally:
        _outage.listeners.remove(listener)


def begin() -> None:
    """Has this process wait (again)."""
    _ended.clear()


def give_up() -> None:
    """Ends all waiting in this process, which is about to end itself."""
    _ended.set()


def outlasting(use: Callable[[], Result], patience: float) -> Result:
    """Uses storage, again after longer and longer pauses where it failed in a way that may pass.

    Args:
        patience: seconds from the first failure on; at least one more try is made if it is not 0.

    Raises:
        StorageError: the failure does not pass by itself, or outlasted the patience.
    """
    begun = None
    for pause in chain(PAUSES, repeat(LONGEST)):
        tried = time.monotonic()
        try:
            result = use()
        except StorageError as error:
            begun = tried if begun is None else begun
            left = begun + patience - time.monotonic()
            if not error.passing or left <= 0:
                _outage.is_given_up()
                raise
            _outage.goes_on(error, begun, patience)
            if _ended.wait(min(pause, left)):
                _outage.is_given_up()
                raise
        else:
            if begun is not None:
                _outage.is_over()
            return result
    raise AssertionError("there is always another pause")


def told(seconds: float) -> str:
    """A duration for a person: `45 s`, `12 min`, `3.5 h`, `12 d`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.0f} d"
