"""Folders that are made once and kept in the user's cache: complete or absent, whatever is killed or races.

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
    """The root of the cache, which may not exist yet."""
    chosen = os.environ.get("IMAGEMILL_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("imagemill", appauthor=False)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Returns the cache's folder `name`. If it is missing, `make(folder)` fills a temporary one, which is then renamed.

    Of two processes at once, one makes it and the other waits. A killed process leaves a temporary folder, which the
    next call that makes `name` removes. Raises ValueError if the cache cannot be written, and whatever `make` raises.
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
        if error.errno is None:  # raised by a library, not by the file system
            raise
        message = f"The cache {root} cannot be written ({error.strerror}); set IMAGEMILL_CACHE to a folder that can."
        raise ValueError(message) from error
    return target


def _make(root: Path, target: Path, make: Callable[[Path], None]) -> None:
    for left_behind in root.glob(f"{target.name}.tmp-*"):  # nobody works in it: we hold the lock
        shutil.rmtree(left_behind, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp-", dir=root))
    try:
        make(temporary)
        temporary.chmod(0o755)  # mkdtemp lets the owner alone read it, but a cache may be shared
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
