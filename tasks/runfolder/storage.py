"""A run folder, local or in an object store.

Everything a run writes goes through `Storage`, which keeps its promises in one place: a name either has its whole
content or does not exist, nothing outside the root is read or written, and a failure is one sentence (`explain`).
"""

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any

from fsspec.implementations.dirfs import DirFileSystem

from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import check_regular, filesystem
from tasks.runfolder.storage_errors import AGAIN, StorageError, explain, refused_condition
from tasks.runfolder.whole_file import replacing


class Storage:
    """Reads and writes below one root; all paths are relative to it, with forward slashes, and stay below it."""

    def __init__(self, url: str) -> None:
        if not url:
            raise BadInput("an empty path, perhaps of a variable that is not set; name a folder.")
        self.root = str(url).rstrip("/") or "/"

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root}

    @cached_property
    def _fs(self) -> DirFileSystem:
        fs, base = filesystem(self.root)
        return DirFileSystem(path=base, fs=fs)

    @property
    def local(self) -> Path | None:
        """The root as a local path; None if it is remote."""
        return Path(self._fs.path) if "file" in self._fs.fs.protocol else None

    def url(self, path: str = "") -> str:
        """The full path or URL, as a person would open it."""
        base = str(self.local) if self.local is not None else self.root
        return f"{base}/{path}" if path else base

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        if ".." in PurePosixPath(path).parts:
            raise StorageError(f"{self.url(path)}: a path out of its folder; name another.", mendable=True)
        try:
            yield
        except Exception as error:
            explained = explain(error, self.url(path))
            if explained is None:
                raise
            raise explained from error

    def exists(self, path: str) -> bool:
        with self._explained(path):
            return bool(self._fs.exists(path))

    def read(self, path: str) -> bytes:
        with self._explained(path):
            check_regular(self._fs.fs, f"{self._fs.path}/{path}")
            return bytes(self._fs.cat_file(path))

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes]:
        """The contents by path; remote files are read concurrently."""
        with self._explained(paths[0] if paths else ""):
            for path in paths:
                check_regular(self._fs.fs, f"{self._fs.path}/{path}")
            whole: list[None] = [None] * len(paths)
            return dict(zip(paths, self._fs.cat_ranges([*paths], whole, whole, on_error="raise"), strict=True))

    def open(self, path: str) -> IO[bytes]:
        with self._explained(path):
            check_regular(self._fs.fs, f"{self._fs.path}/{path}")
            return self._fs.open(path, "rb")

    def list(self, folder: str) -> list[str]:
        """The files right below a folder, sorted; none if there is no such folder."""
        if self.local is None:
            return sorted(path for path in self._sizes(folder) if not PurePosixPath(path).name.startswith("."))
        with self._explained(folder):
            try:
                with os.scandir(self.local / folder) as found:  # without the size of each, a second for a million files
                    names = [item.name for item in found if item.is_file() and not item.name.startswith(".")]
            except FileNotFoundError:
                return []
        start = f"{PurePosixPath(folder)}/".removeprefix("./")
        return [start + name for name in sorted(names)]

    def delete(self, path: str) -> None:
        with self._explained(path), suppress(FileNotFoundError):  # deleted by another worker meanwhile
            if self._fs.exists(path):
                self._fs.rm_file(path)

    def write(self, path: str, data: bytes, read_back: bool = False) -> None:
        """Writes a file whole or not at all.

        Args:
            read_back: read the file again and compare, for files that decide whether a shard is complete.
        """
        if self.local is not None:
            self._make_folders([path])
            self._write_local(path, data, read_back)
            return
        self.write_many({path: data})
        if read_back:
            self._read_back(path, data)

    def create(self, path: str, data: bytes) -> bool:
        """Writes a file, read back, unless there is one of that name; whether it did. Of several processes one does."""
        if self.local is not None:
            self._make_folders([path])
            try:
                self._write_local(path, data, read_back=True, create=True)
            except StorageError as error:
                if isinstance(error.__cause__, FileExistsError):
                    return False
                raise
            return True
        with self._explained(path):
            try:
                self._fs.pipe_file(path, data, mode="create")
            except OSError as error:
                if isinstance(error, FileExistsError) or refused_condition(error):
                    return False
                raise
        self._read_back(path, data)
        return True

    def _read_back(self, path: str, data: bytes) -> None:
        if self.read(path) != data:
            self.delete(path)
            raise StorageError(f"{self.url(path)}: the store does not hold what was written; {AGAIN}", passing=True)

    def write_many(self, files: Mapping[str, bytes]) -> None:
        """Writes each file whole or not at all; remote files are written concurrently."""
        if self.local is not None:
            self._make_folders(files)
            for path, data in files.items():
                self._write_local(path, data)
            return
        with self._explained(next(iter(files), "")):
            self._fs.pipe(dict(files))
            self._check_sizes({path: len(data) for path, data in files.items()})

    def _write_local(self, path: str, data: bytes, read_back: bool = False, create: bool = False) -> None:
        assert self.local is not None
        with self._explained(path), replacing(self.local / path, create) as file:
            file.write(data)
            file.flush()
            if read_back and Path(file.name).read_bytes() != data:
                raise OSError(errno.EIO, "the disk does not hold what was written")

    def write_parts(self, path: str, parts: Iterable[bytes]) -> None:
        """Writes a file from parts, so that it is never in memory whole; if `parts` raises, there is no file."""
        with self._explained(path):
            if self.local is not None:
                self._make_folders([path])
                with replacing(self.local / path) as file:
                    file.writelines(parts)
                return
            size = 0
            file = self._fs.open(path, "wb")
            try:
                for part in parts:
                    size += file.write(part)
            except BaseException:
                file.discard()
                file.closed = True  # or it would upload what it has when it is collected
                raise
            file.close()
            self._check_sizes({path: size})

    def _sizes(self, folder: str) -> dict[str, int]:
        """The bytes of the files right below a folder, by path; none if there is no such folder."""
        with self._explained(folder):
            try:
                items = self._fs.ls(folder, detail=True)
            except FileNotFoundError:
                return {}
        files = [item for item in items if item["type"] == "file" and not item["name"].endswith("/")]
        return {str(PurePosixPath(folder, PurePosixPath(item["name"]).name)): int(item["size"]) for item in files}

    def _check_sizes(self, sizes: Mapping[str, int]) -> None:
        """Raises StorageError unless the remote files have these sizes in bytes.

        Several files of a folder cost one listing. A single one is asked for by itself: the folders of a run's tables
        grow with every shard.
        """
        there: dict[str, int] = {}
        for folder, count in Counter(str(PurePosixPath(path).parent) for path in sizes).items():
            if count > 1:
                there |= self._sizes("" if folder == "." else folder)
        for path, size in sizes.items():
            arrived = there[path] if path in there else self._size(path)
            if arrived != size:
                raise StorageError(f"{self.url(path)}: {arrived:,} of {size:,} bytes arrived; {AGAIN}", passing=True)

    def _size(self, path: str) -> int:
        """The bytes of a remote file as the store has it now; 0 if there is none."""
        with self._explained(path):
            try:
                return int(self._fs.info(path, refresh=True)["size"])
            except FileNotFoundError:
                return 0

    def _make_folders(self, paths: Iterable[str]) -> None:
        """Creates the local folders of files. Raises StorageError if a symbolic link leads one out of the root."""
        assert self.local is not None
        root = os.path.realpath(self.local)
        for folder in {str(PurePosixPath(path).parent) for path in paths}:
            with self._explained(folder):
                target = self.local / folder
                real = os.path.realpath(target)
                if real != root and not real.startswith(f"{root.rstrip('/')}/"):
                    raise StorageError(f"{target}: a symbolic link out of {self.local}; remove it.", mendable=True)
                target.mkdir(parents=True, exist_ok=True)
