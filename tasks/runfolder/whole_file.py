"""Local files that exist whole or not at all."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(target: Path, create: bool = False) -> Iterator[IO[bytes]]:
    """A file to write to, which gets the target's name once it is complete; if the block raises, it is deleted.

    A killed process leaves a hidden `.part` file beside the target, which the next write deletes. Several processes may
    write the same target: whoever finds that file there takes a name of its own, and deletes it when it is done, as its
    writer is dead or has nothing left to do. The file is buffered: an unbuffered write may be short, on a nearly full
    disk or beyond 2 GiB, and only returns its length.

    Args:
        create: never replace the target.

    Raises:
        FileExistsError: `create`, and there is a target by now.
    """
    usual = target.with_name(f".{target.name}.part")
    part, new = _open(usual)
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
        usual.unlink(missing_ok=True)
    except FileNotFoundError as error:
        if part.exists() or not target.exists():
            raise
        if create:  # another process has written it meanwhile
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
    finally:
        part.unlink(missing_ok=True)


def _open(usual: Path) -> tuple[Path, IO[bytes]]:
    """A new file of the usual name, or if there is one of another. What is there is never followed or written to."""
    try:
        return usual, usual.open("xb")
    except FileExistsError:
        own = usual.with_name(f"{usual.stem}.{uuid.uuid4().hex[:8]}.part")
        return own, own.open("xb")


def _name(part: Path, target: Path) -> None:
    """Gives the file the target's name, too. Raises FileExistsError if there is one of that name."""
    try:
        os.link(part, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        if target.exists():  # a file system without hard links, such as exFAT
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        os.replace(part, target)  # noqa: PTH105
