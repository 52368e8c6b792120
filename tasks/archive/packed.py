"""Packed archives (.zip, .tar, .tar.gz, .tgz) as folders: their files are listed and read where they lie.

A file in one is named `export.zip!/folder/file`. Nothing is unpacked to disk. A packed archive within a packed one is a
file like any other.
"""

import lzma
import re
import tarfile
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import IO

from tasks.imaging.refused import Refused
from tasks.runfolder.storage import Storage

_ENDING = r"\.(?:zip|tar|tar\.gz|tgz)"
INSIDE = "!/"
PACKED = re.compile(rf"{_ENDING}$", re.IGNORECASE)
MEMBER = re.compile(_ENDING + INSIDE, re.IGNORECASE)
AHEAD = 64 << 20  # bytes of a tar that are read on, as going back in a compressed one begins from its start
UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError),
    *(RuntimeError, NotImplementedError),  # of zipfile: a password, a compression it does not know
)


def is_packed(path: str) -> bool:
    return PACKED.search(path) is not None


def list_members(file: IO[bytes], path: str) -> Iterator[tuple[str, int, str]]:
    """Name, size in bytes and a stamp of each file in a packed archive, in an order that is always the same.

    Raises:
        OSError, EOFError, zipfile.BadZipFile, tarfile.TarError: it is damaged.
    """
    if path.lower().endswith(".zip"):
        with zipfile.ZipFile(file) as packed:
            for info in sorted(packed.infolist(), key=lambda info: info.filename):
                if not info.is_dir():
                    yield info.filename, info.file_size, f"{info.CRC:08x}"
        return
    with tarfile.open(fileobj=file, mode="r:*") as packed_tar:
        for member in packed_tar:
            if member.isfile():
                yield member.name, member.size, str(member.mtime)


class ArchiveStorage(Storage):
    """An archive's files, those in packed archives among them; the archive may be a packed one itself."""

    def __init__(self, url: str) -> None:
        super().__init__(url.rstrip("/").rpartition("/")[0] or "." if is_packed(url) else url)

    @cached_property
    def _tars(self) -> "Tars":
        return Tars()

    def read(self, path: str) -> bytes:
        found = MEMBER.search(path)
        if found is None:
            return super().read(path)
        container, member = path[: found.end() - len(INSIDE)], path[found.end() :]
        with _refused():
            if not container.lower().endswith(".zip"):
                return self._tars.read(lambda: Storage.open(self, container), container, member)
            with self.open(path) as file:
                return file.read()

    def open(self, path: str) -> IO[bytes]:
        found = MEMBER.search(path)
        if found is None:
            return super().open(path)
        file, member = super().open(path[: found.end() - len(INSIDE)]), path[found.end() :]
        with _refused():
            if found[0].lower() == ".zip!/":
                return zipfile.ZipFile(file).open(member)
            opened = tarfile.open(fileobj=file, mode="r:*").extractfile(member)  # noqa: SIM115
            assert opened is not None
            return opened


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except KeyError:
        raise Refused("it was gone when its turn came") from None
    except UNREADABLE as error:
        raise Refused(f"in a packed archive that is damaged or encrypted ({type(error).__name__})") from None


class Tars:
    """Tar archives that are open, and their members that were read on the way to others.

    Going back in a compressed one begins from its start, so that shards which take turns would each read all of it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, tuple[tarfile.TarFile, list[tarfile.TarInfo], dict[str, int]]] = {}
        self._ahead: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def read(self, opened: Callable[[], IO[bytes]], container: str, member: str) -> bytes:
        with self._lock:
            if (container, member) not in self._ahead:
                self._read_on(opened, container, member)
            return self._ahead.pop((container, member))

    def _read_on(self, opened: Callable[[], IO[bytes]], container: str, member: str) -> None:
        if container not in self._open:
            tar = tarfile.open(fileobj=opened(), mode="r:*")  # noqa: SIM115
            members = [info for info in tar if info.isfile()]
            self._open[container] = tar, members, {info.name: number for number, info in enumerate(members)}
        tar, members, places = self._open[container]
        size = 0
        for info in members[places[member] :]:
            size += info.size
            if size > AHEAD and info.name != member:
                break
            file = tar.extractfile(info)
            assert file is not None
            self._ahead[container, info.name] = file.read()
        while sum(map(len, self._ahead.values())) > 2 * AHEAD and len(self._ahead) > 1:
            self._ahead.pop(next(key for key in self._ahead if key != (container, member)))
