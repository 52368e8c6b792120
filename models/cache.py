"""Things made once and kept: a folder in the user's cache, complete or absent, whatever kills or races happen.

The cache is `$IMAGEMILL_CACHE`, or the platform's own (`~/.cache/imagemill` on Linux).
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path


def cache_folder() -> Path:
    """The cache's root, not necessarily there yet."""
    chosen = os.environ.get("IMAGEMILL_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("imagemill", appauthor=False)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The cache's folder `name`; if it is missing, `make(folder)` fills a temporary one that is then renamed.

    Two processes at once: one makes it, the other waits and takes what was made. A process that is killed leaves a
    temporary folder, which the next one to make something here removes. Raises ValueError if the cache cannot be
    written, and whatever `make` raises.
    """
    root = cache_folder()
    target = root / name
    if target.is_dir():
        return target
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{name}.lock"):
            if not target.is_dir():
                _make(root, target, make)
    except OSError as error:
        if error.errno is None:  # not the file system's: some library's own
            raise
        message = f"The cache {root} cannot be written ({error.strerror}); set IMAGEMILL_CACHE to a folder that can."
        raise ValueError(message) from error
    return target


def _make(root: Path, target: Path, make: Callable[[Path], None]) -> None:
    for left_behind in root.glob(f"{target.name}.tmp-*"):  # we hold the lock, so nobody is at work in it
        shutil.rmtree(left_behind, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp-", dir=root))
    try:
        make(temporary)
        temporary.chmod(0o755)  # mkdtemp makes it for the owner alone; a cache may be shared
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
