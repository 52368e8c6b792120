"""Where the pictures to adjust come from: a run folder, a folder of pictures, or a table that names them."""

import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.prompts.file_kinds import kind_of
from tasks.prompts.prompt_files import find_input
from tasks.prompts.whole_input import Input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import filesystem
from tasks.runfolder.record import read_record
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.storage_errors import unusable

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".jxl", ".tif", ".tiff", ".bmp")
IMAGE_COLUMNS = ("image", "file_name", "file", "path")
INSTRUCTION = "instruction"


@dataclass(frozen=True)
class Parents:
    """The pictures to adjust: their rows, and the folder that the column `image_column` is relative to."""

    rows: Input
    folder: str
    image_column: str
    flow: str | None
    """Of the run that they are from; None if they are from none."""

    @property
    def instructed(self) -> bool:
        """Whether the rows bring instructions of their own; those of an adjusted picture have been carried out."""
        return INSTRUCTION in self.rows.schema.names and self.flow != "adjust"


def find_parents(source: str, spool: Storage, out: str | None = None) -> Parents:
    """Opens the pictures to adjust, without reading any.

    Args:
        spool: a local folder for the list of a folder's pictures, and of tables that are no Parquet.
        out: the run folder, which is never part of the input.

    Raises:
        BadInput: there is nothing that could be adjusted.
    """
    fs, base = filesystem(source)
    try:
        folder = fs.isdir(base)
        if not folder and not fs.exists(base):
            raise BadInput(f"{source}: no such run, folder or table; check the path.")
    except BadInput:
        raise
    except Exception as error:
        raise unusable(error, source) or BadInput(str(error)) from error
    if not folder:
        if kind_of(source)[0] is None:
            raise BadInput(f"{source}: neither a run nor a folder nor a table of pictures; name one of these.")
        found = _table(source, spool, out)
        return Parents(found, source.rpartition("/")[0] or ".", _image_column(found, source), None)
    record = read_record(Storage(source))
    if record is None:
        return Parents(_listed(source, spool), source, "image", None)
    if not Storage(source).list("metadata"):
        raise BadInput(f"{source}: the run has no pictures yet; finish it first.")
    found = find_input(f"{source.rstrip('/')}/metadata", spool, "text", out)
    return Parents(found, source, _image_column(found, source), str(record.get("flow", "render")))


def _table(source: str, spool: Storage, out: str | None) -> Input:
    """A table of pictures, which need not have a text."""
    for column in (None, *IMAGE_COLUMNS):
        try:
            return find_input(source, spool, column, out)
        except BadInput as error:
            told = error
            if "column" not in str(error):
                raise
    raise told


def _image_column(found: Input, source: str) -> str:
    for name in IMAGE_COLUMNS:
        if name in found.schema.names:
            return name
    raise BadInput(f"{source}: no column names the pictures; call it image.")


def _listed(source: str, spool: Storage) -> Input:
    """The pictures below a folder in the order of their names, as a table."""
    fs, base = filesystem(source)
    try:
        files = sorted(str(file) for file in fs.find(base))
    except OSError as error:
        raise unusable(error, source) or BadInput(str(error)) from error
    start = len(base.rstrip("/")) + 1
    names = [file[start:] for file in files if file.lower().endswith(SUFFIXES)]
    if not names:
        raise BadInput(f"{source}: there is neither a run nor a picture ({', '.join(SUFFIXES)}); check the path.")
    sizes = [int(fs.size(f"{base.rstrip('/')}/{name}") or 0) for name in names]
    table = pa.table({"id": names, "image": names, "bytes_then": pa.array(sizes, pa.int64())})
    path = Path(spool.url("pictures.parquet"))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return find_input(str(path), spool, "id")


class PictureFiles:
    """Reads the files of pictures by the `image` of their metadata, from any layout of a run."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._prepare()

    def _prepare(self) -> None:
        self._lock = threading.Lock()
        self._pack: tuple[str, dict[str, bytes]] = ("", {})

    def __getstate__(self) -> dict[str, str]:
        return {"_folder": self._folder}

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def read(self, image: str) -> bytes:
        """Raises ValueError if there is no such picture, StorageError if storage failed in a way that may pass."""
        try:
            pack, mark, member = image.rpartition("#")
            if mark and pack.endswith((".parquet", ".tar")):
                return self._of_pack(pack, member)
            if "://" in image or PurePosixPath(image).is_absolute():
                folder, _, name = image.rpartition("/")
                return Storage(folder or "/").read(name)
            return Storage(self._folder).read(image)
        except StorageError as error:
            if error.passing:
                raise
            raise ValueError(str(error)) from error

    def _of_pack(self, pack: str, member: str) -> bytes:
        with self._lock:  # a shard's pictures are in one pack, read once
            if self._pack[0] != pack:
                self._pack = pack, dict(_members(Storage(self._folder).read(pack), pack))
            if member not in self._pack[1]:
                raise ValueError(f"{pack} holds no {member!r}.")
            return self._pack[1][member]


def _members(data: bytes, pack: str) -> Iterator[tuple[str, bytes]]:
    try:
        if pack.endswith(".parquet"):
            for row in pq.read_table(io.BytesIO(data), columns=["image"])["image"].to_pylist():
                yield row["path"], row["bytes"]
            return
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                if content is not None:
                    yield entry.name, content.read()
    except (pa.ArrowException, tarfile.TarError, KeyError, TypeError) as error:
        raise ValueError(f"{pack}: damaged.") from error
