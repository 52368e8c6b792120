"""Local files that are there whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the target's name once it is complete; if the block raises, there is none.

    A kill leaves a hidden `.part` beside the target, which the next one replaces. The file is buffered, as an
    unbuffered one may write less than it is given: on a nearly full disk, or beyond 2 GB.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        with _new(part) as file:
            yield file
            file.flush()
            if os.fstat(file.fileno()).st_size != file.tell():
                raise OSError(errno.EIO, "the disk kept less than was written")
        os.replace(part, target)  # noqa: PTH105
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _new(path: Path) -> IO[bytes]:
    """A new file; whatever stands there goes away, and no link is followed."""
    try:
        return path.open("xb")
    except FileExistsError:
        path.unlink()
        return path.open("xb")
