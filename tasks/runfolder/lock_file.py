"""A file on a local or shared disk that is used as the lock object in S3 is (lock_object.py).

Locks of the operating system are not reliable on shared disks, so this rests on what is: a name is given to one file
alone, and a rename is whole. Only replacing has an instant between comparing and writing in which two may both succeed,
which costs nothing but double work. Ages are by the clock of the file server alone.
"""

import os
import tempfile
from pathlib import Path

from tasks.runfolder.lock_object import Held, parsed
from tasks.runfolder.storage import Storage
from tasks.runfolder.storage_errors import StorageError

TRIES = 3


class LockFile:
    """A file in a folder of a run folder. Errors are `StorageError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._storage = Storage(str(path.parents[1]))
        self._name = f"{path.parent.name}/{path.name}"

    def read(self) -> Held | None:
        """The file, or None if there is none."""
        try:
            with self._path.open("rb") as file:
                content, status = file.read(), os.fstat(file.fileno())
            with tempfile.TemporaryFile(dir=self._path.parent) as new:
                now = os.fstat(new.fileno()).st_mtime
        except FileNotFoundError:
            return None
        return Held(parsed(content), _etag(status), now - status.st_mtime)

    def write(self, content: bytes, **condition: str) -> str | None:
        """The new ETag, or None if the condition (`IfNoneMatch`, `IfMatch`) does not hold."""
        try:
            if "IfNoneMatch" in condition:
                if not self._create(content):
                    return None
            elif _etag(self._path.stat()) != condition["IfMatch"]:
                return None
            else:
                self._storage.write(self._name, content)
            return _etag(self._path.stat())
        except FileNotFoundError:
            return None

    def delete(self, etag: str) -> None:
        """Deletes the file if it still has this ETag."""
        try:
            if _etag(self._path.stat()) == etag:
                self._path.unlink()
        except FileNotFoundError:
            pass

    def _create(self, content: bytes) -> bool:
        for _ in range(TRIES):
            try:
                return self._storage.create(self._name, content)
            except StorageError as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
        # The last one out deletes the folder, just when this one comes in.
        return self._storage.create(self._name, content)


def _etag(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_mtime_ns}"
