"""Local files that exist whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which gets the target's name once it is complete; if the block raises, it is deleted.

    A killed process leaves a hidden `.part` file beside the target, which the next write replaces. The file is
    buffered: an unbuffered write may be short, on a nearly full disk or beyond 2 GiB, and only returns its length.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        with _new(part) as file:
            yield file
            file.flush()
            if os.fstat(file.fileno()).st_size != file.tell():
                raise OSError(errno.EIO, "the disk holds less than was written")
        os.replace(part, target)  # noqa: PTH105
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _new(path: Path) -> IO[bytes]:
    """Opens a new file. Whatever has its name is removed, never followed or written to."""
    try:
        return path.open("xb")
    except FileExistsError:
        path.unlink()
        return path.open("xb")
