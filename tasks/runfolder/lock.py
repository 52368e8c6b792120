"""Which runs may work in one folder at a time.

| run | beside it |
|---|---|
| a whole run | none |
| `--partition k/n` | the other parts of n |
| `--join` | others with `--join` |

Those that may work side by side are a group, and the workers' marks keep groups apart (workers.py). A whole run and
each part also hold a lock of their own name, which one alone can have: on a disk a lock of the operating system, which
a killed process releases by itself, in an object store an object with a heartbeat (lease.py). The commit of a shard
does not rest on any of these (commit.py).
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from tasks.runfolder import claims, workers
from tasks.runfolder.errors import Busy
from tasks.runfolder.lease import Lease, beating
from tasks.runfolder.process_identity import this_process
from tasks.runfolder.storage import Storage, explain
from tasks.runfolder.workers import Worker


class Lock(Protocol):
    """A lock that is held."""

    def check(self) -> None:
        """To be called before each commit. Raises Stopped if the lock was lost meanwhile."""


class _SystemLock:
    """A lock of the operating system, which cannot be lost."""

    def check(self) -> None:
        pass


@dataclass(frozen=True)
class Role:
    """How a run works in its folder.

    Attributes:
        group: runs of one group work side by side; a name without dots.
        lock: what it alone may hold, if anything.
        mend: what to do while other groups are at work, in a few words.
    """

    group: str
    lock: str | None
    mend: str = "wait for it to end (--wait)"


WHOLE = Role("run", "run", "wait for it to end (--wait), join it if it has --join")
JOINED = Role("join", None)


def part(k: int, n: int) -> Role:
    """The role of one of n parts."""
    return Role(f"part-of-{n}", f"part-{k}-of-{n}")


_held: dict[str, list[Lock]] = {}
"""The locks that this process holds and could lose, by the run folder's URL."""


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
def working(storage: Storage, role: Role) -> Iterator[Worker]:
    """Works in a run folder: holds the role's lock, and is among the folder's workers.

    Raises:
        Busy: others are at work, and the role leaves no room beside them.
        StorageError: the folder cannot be written.
    """
    with ExitStack() as stack:
        if role.lock is not None:
            stack.enter_context(locked(storage, role.lock))
        stack.callback(_delete_empty, storage)
        worker = stack.enter_context(beating(Worker(storage, role.group, role.mend)))
        stack.enter_context(_registered(storage.url(), worker))
        yield worker


def check_free(storage: Storage, role: Role) -> None:
    """Checks that a run may begin in this folder, and leaves no file there.

    Raises:
        Busy: as `working`.
        StorageError: the store fails.
    """
    if role.lock is not None:
        if storage.local is None:
            Lease(storage.url(f"{role.lock}.lock")).check_free()
        elif storage.exists(f".{role.lock}.lock"):
            with locked(storage, role.lock):
                pass
    Worker(storage, role.group, role.mend).check_alone()


def _delete_empty(storage: Storage) -> None:
    """Deletes the folders of marks and claims; the last one out finds them empty."""
    for name in (claims.FOLDER, workers.FOLDER):
        with suppress(OSError):
            if storage.local is not None:
                (storage.local / name).rmdir()


@contextmanager
def locked(storage: Storage, name: str = "run") -> Iterator[Lock]:
    """Holds the lock `name` of a run folder.

    Raises:
        Busy: somebody else holds it.
        StorageError: the folder cannot be written.
    """
    if storage.local is None:
        with beating(Lease(storage.url(f"{name}.lock"))) as lease, _registered(storage.url(), lease):
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
        holder = _holder(path)
        raise Busy(
            f"{storage.url()}: another run is writing here ({holder}); wait for it to end or choose another --out.",
            holder,
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
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "an unknown process"
