"""A lease: an object that only its owner can replace, and that it rewrites as a heartbeat.

In an object store every write is conditional (`If-None-Match: *` to create, `If-Match` to replace what was read), so
the store lets only one of two processes have it. An owner counts as dead after `STALE` seconds without a heartbeat by
the store's own clock, or at once if it was a process of this machine that no longer exists. On a disk a file does the
same.
"""

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tasks.runfolder.errors import BadInput, Busy, Stopped
from tasks.runfolder.lock_file import LockFile
from tasks.runfolder.lock_object import Held, LockObject
from tasks.runfolder.process_identity import started_at, this_process
from tasks.runfolder.storage import StorageError, explain

BEAT = 15.0  # seconds between two heartbeats
STALE = 90.0  # seconds without one after which the owner counts as dead
SURE = 45.0  # seconds after a heartbeat for which the owner need not ask the store whether it still has the lock
TRIES = 10  # each may be refused as somebody else wrote first

_held: set[str] = set()  # the tokens of the locks that this process holds


Leased = TypeVar("Leased", bound="Lease")


@contextmanager
def beating(lease: Leased) -> Iterator[Leased]:
    """Holds a lease, with a heartbeat.

    Raises:
        Busy: somebody else holds it.
        StorageError: the store fails.
    """
    lease.acquire()
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(lease, stop), name="lock heartbeat", daemon=True)
    beat.start()
    try:
        yield lease
    finally:
        stop.set()
        beat.join()
        lease.release()


def _beat(lease: "Lease", stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with contextlib.suppress(Exception):  # the store may be back for the next beat; `check` tells of a lost lock
            lease.renew()


class Lease:
    """One run's hold on the lock at a URL or local path, in a folder of the run folder if it is local. Its methods may
    be called from any thread.

    Args:
        token: the owner's; by default a new one.
        said: what else the object says of its owner.
    """

    def __init__(self, url: str, token: str | None = None, **said: str) -> None:
        self._url = url
        self._object = lock_at(url)
        self._owner = {**this_process(), "token": token or uuid.uuid4().hex, **said}
        self._beats = 0
        self._etag = ""
        self._renewed = 0.0  # seconds of `clock`
        self._lost: Stopped | None = None
        self._mutex = threading.Lock()

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            Busy: somebody else holds it.
            StorageError: the store fails.
        """
        with self._explained():
            for _ in range(TRIES):
                if self._write(IfNoneMatch="*"):
                    break
                held = self._object.read()
                if held is None:
                    continue  # given back this instant
                if self._is_ours(held):
                    break
                if not is_dead(held):
                    raise Busy(self._refusal(held), held.name)
                if self._write(IfMatch=held.etag):
                    break
            else:
                raise StorageError(f"{self._url}: it keeps changing hands; run the same command again.", passing=True)
        _held.add(self._owner["token"])

    def check_free(self) -> None:
        """Raises Busy if somebody else holds the lock."""
        with self._explained():
            held = self._object.read()
        if held is not None and not is_dead(held):
            raise Busy(self._refusal(held), held.name)

    def renew(self) -> None:
        """A heartbeat.

        Raises:
            Stopped: another run has taken the lock; nothing more may be written.
            StorageError: the store fails.
        """
        with self._mutex, self._explained():
            for _ in range(TRIES):
                if self._lost is not None:
                    raise self._lost
                if self._write(IfMatch=self._etag):
                    return
                held = self._object.read()
                if held is None or not self._is_ours(held):
                    self._lost = Stopped(self._loss(held))
            raise StorageError(f"{self._url}: the lock cannot be kept; run the same command again.", passing=True)

    def check(self) -> None:
        """To be called before each commit, as a run that was cut off from the store may have lost its lock.

        Raises:
            Stopped: another run has taken the lock; nothing more may be written.
            StorageError: the store fails.
        """
        if self._lost is not None or clock() - self._renewed > SURE:
            self.renew()

    def release(self) -> None:
        """Deletes the lock if it is still ours; if the store cannot be reached, the lock expires by itself."""
        _held.discard(self._owner["token"])
        if self._lost is None:
            with contextlib.suppress(Exception):  # the store is down, for which the run has a sentence of its own
                self._object.delete(self._etag)

    def _write(self, **condition: str) -> bool:
        """Writes our mark; False if the condition does not hold."""
        began = clock()
        self._beats += 1  # the same content again would have the same ETag
        etag = self._object.write(json.dumps({**self._owner, "beat": self._beats}).encode(), **condition)
        if etag is None:
            return False
        self._etag, self._renewed = etag, began
        return True

    def _is_ours(self, held: Held) -> bool:
        """Whether the mark is ours: the store took it, but its answer was lost and the client asked again."""
        if held.owner.get("token") != self._owner["token"]:
            return False
        self._etag, self._renewed = held.etag, clock() - held.age
        return True

    def _refusal(self, held: Held) -> str:
        return (
            f"{self._url.rpartition('/')[0]}: another run is writing here ({held.name}, last seen {held.age:.0f} s "
            f"ago); wait for it to end, or choose another --out. If that process is gone, the lock expires in "
            f"{max(0, STALE - held.age):.0f} s."
        )

    def _loss(self, held: Held | None) -> str:
        taker = held.name if held else "which has ended since"
        return (
            f"{self._url.rpartition('/')[0]}: another run ({taker}) took this folder over while this one was cut off "
            "from the store; what it wrote stays. When the other has ended, run the same command again to carry on."
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (BadInput, Stopped):
            raise
        except Exception as error:
            raise explain(error, self._url) or error from error


def lock_at(url: str) -> LockObject | LockFile:
    """The object at an `s3://` URL, or the file at a local path."""
    return LockObject(url) if "://" in url else LockFile(Path(url))


def is_dead(held: Held) -> bool:
    """Whether the owner was silent for too long, or was a process of this machine that no longer exists."""
    if held.age > STALE:
        return True
    owner, here = held.owner, this_process()
    if any(owner.get(name) is None or owner[name] != here.get(name) for name in ("host", "boot", "namespace")):
        return False  # on another machine or in another container: its process cannot be seen from here
    if (owner.get("pid"), owner.get("started")) == (here["pid"], here["started"]):
        return owner.get("token") not in _held  # held by an earlier run in this process, which could not release it
    return started_at(owner.get("pid")) != owner.get("started")


def clock() -> float:
    """Seconds of a steady clock, one that also counts while the machine sleeps where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
