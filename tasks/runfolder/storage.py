"""A run folder, local or in an object store.

Everything a run writes goes through `Storage`, so that two promises are kept in one place: a name either holds the
whole content or does not exist (`write` is atomic), and a failure reads as one sentence (`explain`).
"""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import fsspec
from botocore.exceptions import BotoCoreError, ClientError
from fsspec.core import url_to_fs

from tasks.runfolder.errors import BadInput

# Attempts of one call: s3fs makes five of these three, and the task's retries follow.
S3_OPTIONS = {
    "use_listings_cache": False,
    "config_kwargs": {
        "retries": {"mode": "standard", "total_max_attempts": 3},
        "max_pool_connections": 32,
        "connect_timeout": 10,
        "read_timeout": 60,
    },
}


EXTRAS = {"gcs": ("gs", "gcs"), "azure": ("az", "abfs", "abfss", "adl")}
"""Extras of this package by the schemes that they open."""


def filesystem(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The fsspec filesystem of a local path or URL (its scheme in any case), and the path within it.

    Raises:
        BadInput: the scheme is not known, or needs a package that is not installed.
    """
    scheme, separator, path = url.partition("://")
    if separator:
        url = f"{scheme.lower()}://{path}"
    try:
        return url_to_fs(url, **(S3_OPTIONS if url.startswith("s3://") else {}))
    except ImportError as error:
        package = next((package for package, schemes in EXTRAS.items() if scheme.lower() in schemes), None)
        mend = f"pip install 'imagemill[{package}]'" if package else str(error)
        raise BadInput(f"{url}: {scheme}:// needs a package that is not installed: {mend}.") from error
    except ValueError as error:
        if "Protocol not known" not in str(error):
            raise
        raise BadInput(f"{url}: there is no storage called {scheme}://; use a local path or s3://.") from error


class StorageError(OSError):
    """A storage failure as one sentence.

    `mendable`: the user's input (folder, bucket, keys) is what is wrong. `passing`: it may well work the next time.
    """

    def __init__(self, sentence: str, mendable: bool = False, passing: bool = False) -> None:
        super().__init__(sentence)
        self.mendable = mendable
        self.passing = passing

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.mendable, self.passing)


def explain(error: BaseException, where: str) -> StorageError | None:
    """The sentence for a storage failure at `where`, or None if the error is of another kind."""
    causes = [error, error.__cause__, error.__context__]
    client = next((e for e in causes if isinstance(e, ClientError)), None)
    code = client.response.get("Error", {}).get("Code", "") if client else ""
    if code in {"NoSuchBucket", "InvalidBucketName"} or "bucket does not exist" in str(error):
        return StorageError(f"{where}: the bucket does not exist; create it or name another.", mendable=True)
    if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403", "Forbidden"} or (
        isinstance(error, PermissionError) and where.startswith("s3://")
    ):
        return StorageError(
            f"{where}: access denied; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's policy.", True
        )
    if any(type(e).__name__ in {"NoCredentialsError", "PartialCredentialsError"} for e in causes):
        return StorageError(
            f"{where}: no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile.", True
        )
    if any(isinstance(e, BotoCoreError | ClientError) for e in causes):
        return StorageError(
            f"{where}: the object store failed ({error}); run the same command again to carry on.", passing=True
        )
    if isinstance(error, StorageError):
        return error
    if not isinstance(error, OSError):
        return None
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError(f"{where}: the disk is full; free space and run the same command again to carry on.")
    if isinstance(error, FileNotFoundError):
        return StorageError(f"{where}: no such file or folder; check the path.", mendable=True)
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StorageError(f"{where}: not permitted; choose a place you may write to or mend its rights.", True)
    if isinstance(error, IsADirectoryError):
        return StorageError(f"{where}: a folder, where a file is wanted; name a file.", True)
    if isinstance(error, NotADirectoryError | FileExistsError):
        return StorageError(f"{where}: a file stands where a folder is wanted; name another.", True)
    return StorageError(f"{where}: storage failed ({error.strerror or error}); run the same command again to carry on.")


class Storage:
    """Reads and writes below one root; all paths are relative to it, with forward slashes."""

    def __init__(self, url: str) -> None:
        self.root = str(url).rstrip("/") or "/"

    @cached_property
    def _place(self) -> tuple[fsspec.AbstractFileSystem, str]:
        fs, base = filesystem(self.root)
        return fs, base.rstrip("/")

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root}

    @property
    def local(self) -> Path | None:
        """The root as a local path, or None if it is remote."""
        fs, base = self._place
        return Path(base) if "file" in fs.protocol else None

    def url(self, path: str = "") -> str:
        """The full name of a path: what a person would open."""
        base = str(self.local) if self.local is not None else self.root
        return f"{base}/{path}" if path else base

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            explained = explain(error, self.url(path))
            if explained is None:
                raise
            raise explained from error

    def exists(self, path: str) -> bool:
        fs, base = self._place
        with self._explained(path):
            return bool(fs.exists(f"{base}/{path}"))

    def read(self, path: str) -> bytes:
        fs, base = self._place
        with self._explained(path):
            return bytes(fs.cat_file(f"{base}/{path}"))

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes]:
        """The contents by path; remote files come side by side."""
        fs, base = self._place
        with self._explained(paths[0] if paths else ""):
            found = fs.cat([f"{base}/{path}" for path in paths]) if paths else {}
        return {name.removeprefix(f"{base}/"): data for name, data in found.items()}

    def open(self, path: str) -> IO[bytes]:
        fs, base = self._place
        with self._explained(path):
            return fs.open(f"{base}/{path}", "rb")

    def list(self, folder: str) -> list[str]:
        """The files right below a folder, sorted; none if there is no such folder."""
        fs, base = self._place
        with self._explained(folder):
            try:
                found = fs.ls(f"{base}/{folder}", detail=True)
            except FileNotFoundError:
                return []
        names = [item["name"].rsplit("/", 1)[-1] for item in found if item["type"] == "file"]
        return sorted(f"{folder}/{name}" for name in names if name and not name.startswith("."))

    def delete(self, path: str) -> None:
        fs, base = self._place
        with self._explained(path):
            if fs.exists(f"{base}/{path}"):
                fs.rm_file(f"{base}/{path}")

    def write(self, path: str, data: bytes) -> None:
        self.write_many({path: data})

    def write_many(self, files: Mapping[str, bytes]) -> None:
        """Writes each file whole or not at all; remote files go up side by side."""
        fs, base = self._place
        first = next(iter(files), "")
        with self._explained(first):
            if self.local is None:
                fs.pipe({f"{base}/{path}": data for path, data in files.items()})
                return
            for folder in {os.path.dirname(f"{base}/{path}") for path in files}:  # noqa: PTH120
                os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            for path, data in files.items():
                _write_local(f"{base}/{path}", data)

    def write_parts(self, path: str, parts: Iterable[bytes]) -> None:
        """Writes a file that is not held whole, whole or not at all: if `parts` raises, there is none."""
        fs, base = self._place
        target = f"{base}/{path}"
        with self._explained(path):
            if self.local is not None:
                fs.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH120
                with _replacing(target) as file:
                    for part in parts:
                        file.write(part)
                return
            file = fs.open(target, "wb")
            try:
                for part in parts:
                    file.write(part)
            except BaseException:
                file.discard()
                file.closed = True  # or it would still write what it has
                raise
            file.close()


def _write_local(target: str, data: bytes) -> None:
    with _replacing(target) as file:
        file.write(data)


@contextmanager
def _replacing(target: str) -> Iterator[IO[bytes]]:
    """Beside the target, then renamed: a kill leaves a hidden `.part`, which the next run overwrites."""
    folder, name = os.path.split(target)
    part = f"{folder}/.{name}.part"
    try:
        with open(part, "wb", buffering=0) as file:  # noqa: PTH123
            yield file
        os.replace(part, target)  # noqa: PTH105
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
