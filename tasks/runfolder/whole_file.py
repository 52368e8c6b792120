"""Local files that exist whole or not at all."""

import errno
import fcntl
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replacing(target: Path, create: bool = False) -> Iterator[IO[bytes]]:
    """A file to write to, which gets the target's name once it is complete; if the block raises, it is deleted.

    Until then it is a hidden `.part` file beside the target, locked by its writer. One that nobody has locked was left
    by a killed process, and the next write of the target deletes it. Several threads and processes may write the same
    target at once: those that come second take names of their own. The file is buffered: an unbuffered write may be
    short, on a nearly full disk or beyond 2 GiB, and only returns its length.

    Args:
        create: never replace the target.

    Raises:
        FileExistsError: `create`, and there is a target by now.
    """
    part, new = _open(target)
    lock = os.dup(new.fileno())  # holds the lock on when the file is closed, which is before it gets its name
    try:
        with new as file:
            yield file
            file.flush()
            if os.fstat(file.fileno()).st_size != file.tell():
                raise OSError(errno.EIO, "the disk holds less than was written")
        if create:
            _name(part, target)
        else:
            os.replace(part, target)  # noqa: PTH105
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(lock)


def _open(target: Path) -> tuple[Path, IO[bytes]]:
    """A new, locked file of the usual name, or of another if a living process writes to the one of that name."""
    usual = target.with_name(f".{target.name}.part")
    for _ in range(2):
        with suppress(FileExistsError):
            file = usual.open("xb")
            if _is_owned(usual, file.fileno(), new=True):
                return usual, file
            file.close()  # it was taken for a dead process's before it was locked
            break
        _delete_abandoned(usual)
    own = usual.with_name(f"{usual.stem}.{uuid.uuid4().hex[:8]}.part")
    return own, own.open("xb")


def _delete_abandoned(part: Path) -> None:
    """Deletes what a killed process left; what somebody else put there, such as a link, is not followed either."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(part.lstat().st_mode):
            part.unlink()
            return
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _is_owned(part, descriptor, new=False):
                part.unlink()
        finally:
            os.close(descriptor)


def _is_owned(part: Path, descriptor: int, new: bool) -> bool:
    """Locks an open file; whether nobody else has, and it still is the one of that name."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), part.lstat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # a file system without locks: what is not this writer's own may be a living one's
        return new


def _name(part: Path, target: Path) -> None:
    """Gives the file the target's name instead. Raises FileExistsError if there is one of that name."""
    try:
        os.link(part, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        if target.exists():  # a file system without hard links, such as exFAT
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        os.replace(part, target)  # noqa: PTH105
    else:
        part.unlink()
