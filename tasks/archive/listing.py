"""Lists an archive of pictures in a stable order and cuts it into shards.

Folders are listed one by one, sorted by name, and the list is spooled to disk, so memory is bounded by the largest
folder. The spool file is unlinked, so not even a kill leaves it behind. A file is identified by its position in this
order (`row`): its name, which may be a patient's, is never written; `imagemill locate ARCHIVE ROW --run RUN` prints it
to someone who has the archive and the key.
"""

import json
import os
import tempfile
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.archive.packed import INSIDE, UNREADABLE, ArchiveStorage, is_packed, list_members
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import filesystem
from tasks.runfolder.storage import StorageError
from tasks.runfolder.storage_errors import unusable

SHARD_BYTES = 64 << 20  # limit of a shard, unless a single file is larger, as shards in flight are in memory
SHARD_SIZE = 16  # files


class ShardOfFiles:
    """Some files of an archive: the unit of work, retry and commit.

    Attributes:
        row: the first file's position in the archive.
        files: path within the archive and size in bytes of each file.
    """

    def __init__(self, index: int, row: int, files: list[tuple[str, int]]) -> None:
        self.index = index
        self.row = row
        self.files = files

    @property
    def name(self) -> str:
        return f"{self.index:05d}"

    @property
    def rows(self) -> int:
        return len(self.files)


class Archive:
    """A folder or prefix, listed.

    Raises:
        BadInput: it cannot be listed or holds no file.
    """

    def __init__(self, url: str, spool: Path, shard_size: int | None, names: Pseudonyms) -> None:
        self.storage = ArchiveStorage(url)
        self.shard_size = shard_size or SHARD_SIZE
        self.rows = self.bytes = 0
        self._spool = tempfile.TemporaryFile(dir=spool)  # noqa: SIM115 (closed with this object)
        digest = sha256()
        for path, size, stamp in list_files(url):
            line = json.dumps([path, size, stamp]).encode()
            digest.update(line)
            self._spool.write(line + b"\n")
            self.rows += 1
            self.bytes += size
        if not self.rows:
            raise BadInput(f"{url}: there are no files; check the path.")
        self._digest = names.code(
            "archive", digest.hexdigest()
        )  # keyed, so that guessed file names cannot be checked against it
        self.shards = sum(1 for _ in self.list_shards())

    def fingerprint(self) -> dict[str, Any]:
        """Recorded in `run.json` to recognise the same archive."""
        return {"rows": self.rows, "bytes": self.bytes, "digest": self._digest}

    def locate(self, rows: Collection[int]) -> dict[int, str]:
        """The paths of these rows; those that there are not are left out."""
        return {row: path for row, (path, _) in enumerate(self._listed()) if row in rows}

    def list_shards(self) -> Iterator[ShardOfFiles]:
        index = row = size = 0
        files: list[tuple[str, int]] = []
        for path, length in self._listed():
            if files and (len(files) == self.shard_size or size + length > SHARD_BYTES):
                yield ShardOfFiles(index, row, files)
                index, row, size, files = index + 1, row + len(files), 0, []
            files.append((path, length))
            size += length
        yield ShardOfFiles(index, row, files)

    def _listed(self) -> Iterator[tuple[str, int]]:
        """Path and size of every file; several iterators may run at once, each with its own position."""
        at = 0
        while True:
            self._spool.seek(at)
            line = self._spool.readline()
            if not line:
                return
            at = self._spool.tell()
            path, length, _ = json.loads(line)
            yield path, length


def list_files(url: str) -> Iterator[tuple[str, int, str]]:
    """Path within the archive, size in bytes, and ETag or modification time of every file, in order.

    Raises:
        BadInput: there is no such folder, or it cannot be listed.
    """
    try:
        fs, base = filesystem(url)
        base = base.rstrip("/")
        if fs.isfile(base) and is_packed(base):
            yield from _packed(fs, base, base.rpartition("/")[2])
            return
        if fs.isfile(base):
            raise BadInput(f"{url}: this is a file, not a folder; name the folder it is in.")
        if not fs.isdir(base):
            raise BadInput(f"{url}: no such folder; check the path.")
        yield from _below(fs, base, "")
    except (BadInput, StorageError):
        raise
    except Exception as error:
        raise unusable(error, url) or BadInput(f"{url}: cannot be listed ({type(error).__name__}).") from None


def _below(fs: Any, base: str, folder: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, int, str]]:
    """`above`: real paths of the enclosing folders, so that links cannot form a cycle."""
    here = f"{base}/{folder}".rstrip("/")
    above = (*above, os.path.realpath(here))
    entries = sorted((str(item["name"]).rstrip("/").rsplit("/", 1)[-1], item) for item in fs.ls(here, detail=True))
    for name, item in entries:
        path, kind = f"{folder}/{name}" if folder else name, item["type"]
        if item.get("islink"):  # resolved; a dangling link counts as a lost file
            target = Path(os.path.realpath(item["name"]))
            if str(target) in above:
                continue
            kind = "directory" if target.is_dir() else "file"
            item["mtime"] = target.stat().st_mtime if target.exists() else ""
        if kind == "directory":
            yield from _below(fs, base, path, above)
        elif kind == "file" and not str(item["name"]).endswith("/"):  # s3: a key that stands for a folder
            stamp = item.get("ETag") or item.get("mtime") or ""
            packed = list(_packed(fs, f"{here}/{name}", path)) if is_packed(name) else []
            yield from packed or [(path, int(item["size"] or 0), str(stamp))]


def _packed(fs: Any, file: str, path: str) -> Iterator[tuple[str, int, str]]:
    """The files in a packed archive; none of one that cannot be listed, which then is a file like any other."""
    try:
        with fs.open(file, "rb") as opened:
            members = list(list_members(opened, path))
    except UNREADABLE:
        return
    seen = {name: (f"{path}{INSIDE}{name}", size, stamp) for name, size, stamp in members}
    yield from seen.values()
