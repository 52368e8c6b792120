"""One run at a time in one folder.

A local folder uses a lock of the operating system, which a killed process releases by itself. An object store has no
such lock, so there it is an object with a heartbeat (lease.py).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from tasks.runfolder.errors import BadInput
from tasks.runfolder.lease import leased
from tasks.runfolder.process_identity import this_process
from tasks.runfolder.storage import Storage, explain


class Lock(Protocol):
    """A lock that is held."""

    def check(self) -> None:
        """To be called before each commit. Raises Stopped if the lock was lost meanwhile."""


class _SystemLock:
    """A lock of the operating system, which cannot be lost."""

    def check(self) -> None:
        pass


_held: dict[str, list[Lock]] = {}
"""The locks on object stores that this process holds, by the run folder's URL."""


def check_locks(storage: Storage) -> None:
    """Raises Stopped if this process has lost a lock on the run folder: nothing more may be committed there."""
    for lock in _held.get(storage.url(), ()):
        lock.check()


@contextmanager
def _registered(url: str, lock: Lock) -> Iterator[None]:
    _held.setdefault(url, []).append(lock)
    try:
        yield
    finally:
        _held[url].remove(lock)


@contextmanager
def locked(storage: Storage, name: str = "run") -> Iterator[Lock]:
    """Holds the lock `name` of a run folder.

    Raises:
        BadInput: somebody else holds it.
        StorageError: the folder cannot be written.
    """
    if storage.local is None:
        with leased(storage.url(f"{name}.lock")) as lease, _registered(storage.url(), lease):
            yield lease
        return
    # The file is never deleted: two runs could then hold locks on two files of the same name.
    path = storage.local / f".{name}.lock"
    lock = FileLock(path, timeout=0)
    try:
        storage.local.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        path.write_text(json.dumps(this_process()), "utf-8")
    except Timeout as error:
        raise BadInput(
            f"{storage.url()}: another run is writing here{_holder(path)}; wait for it to end or choose another --out."
        ) from error
    except OSError as error:
        lock.release()
        raise explain(error, storage.url()) or error from error
    try:
        yield _SystemLock()
    finally:
        lock.release()


def _holder(path: Path) -> str:
    """Who wrote itself into a lock file, as far as it can be read."""
    try:
        owner = json.loads(path.read_bytes())
        return f" (process {owner['pid']} on {owner['host']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
