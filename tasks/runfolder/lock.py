"""One run at a time in one folder.

Local folders use an operating-system lock, which a killed process drops by itself. An object store has none, so there
the lock is an object made by a conditional create, kept fresh by a heartbeat; one left by a killed process is taken
over at once on the same machine, elsewhere after `STALE` seconds without a beat.
"""

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import fsspec
from filelock import FileLock, Timeout

from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, explain, filesystem

BEAT = 15.0  # seconds between two heartbeats
STALE = 90.0  # seconds without one after which the owner is taken for dead


@contextmanager
def locked(storage: Storage, name: str = "run") -> Iterator[None]:
    """Holds the lock `name` of a run folder.

    Raises:
        BadInput: somebody else holds it.
        StorageError: the folder cannot be written.
    """
    refusal = BadInput(f"{storage.url()}: another run is writing here; wait for it to end or choose another --out.")
    if storage.local is None:
        with _remote(storage.url(f"{name}.lock"), refusal):
            yield
        return
    # The file stays: taking it away would let two runs hold locks on two files of one name.
    lock = FileLock(storage.local / f".{name}.lock", timeout=0)
    try:
        storage.local.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise refusal from error
    except OSError as error:
        raise explain(error, storage.url()) or error from error
    with lock:
        yield


@contextmanager
def _remote(url: str, refusal: BadInput) -> Iterator[None]:
    fs, path = filesystem(url)
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "token": uuid.uuid4().hex}
    try:
        if not _create(fs, path, owner):
            if not _abandoned(fs, path, owner):
                raise refusal
            fs.pipe_file(path, json.dumps(owner).encode())
            time.sleep(0.5)  # two may take over at once: the last to write wins, the other sees it here
            if json.loads(fs.cat_file(path)) != owner:
                raise refusal
    except BadInput:
        raise
    except Exception as error:
        raise explain(error, url) or error from error
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(fs, path, owner, stop), name="lock heartbeat", daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        with contextlib.suppress(Exception):  # the store is down: the run has its own sentence, the lock grows stale
            fs.rm_file(path)


def _create(fs: fsspec.AbstractFileSystem, path: str, owner: dict[str, Any]) -> bool:
    try:
        fs.pipe_file(path, json.dumps(owner).encode(), mode="create")
    except FileExistsError:
        return False
    except OSError as error:  # how s3fs puts the refusal of stores that do not name the condition, such as MinIO
        code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
        if code not in {"PreconditionFailed", "ConditionalRequestConflict"}:
            raise
        return False
    return True


def _abandoned(fs: fsspec.AbstractFileSystem, path: str, us: dict[str, Any]) -> bool:
    try:
        owner: dict[str, Any] = json.loads(fs.cat_file(path))
        modified = fs.info(path)["LastModified"]
    except FileNotFoundError:
        return True  # given back this instant
    if owner["token"] == us["token"]:
        return True  # our own create went through, its answer was lost and it was tried again
    if owner["host"] == us["host"] and not _alive(owner["pid"]):
        return True  # not the reverse: a container that starts again has the host and pid of the one that was killed
    return (datetime.now(UTC) - modified).total_seconds() > STALE


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _beat(fs: fsspec.AbstractFileSystem, path: str, owner: dict[str, Any], stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with contextlib.suppress(Exception):  # the store may be back for the next beat
            fs.pipe_file(path, json.dumps(owner).encode())
