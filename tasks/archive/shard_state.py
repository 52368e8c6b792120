"""The state of a shard of an archive's files: reading the files, their outputs, writing them.

A file that a stage fails for is quarantined with a reason. Reasons are our own sentences and names of error types,
never an error's message: decoders quote the data they fail on, and that may be a patient's name.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa

from models.device import is_broken
from tasks.archive import large_files
from tasks.archive.listing import ShardOfFiles
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.imaging.refused import Refused
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filenames import distinct_names, folded
from tasks.runfolder.shard_state import ShardState
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.storage_errors import NotRegularFile

METADATA = pa.schema(
    {
        "id": pa.string(),
        "row": pa.int64(),
        "text": pa.string(),
        "window": pa.string(),
        "brightness_before": pa.float32(),
        "brightness": pa.float32(),
        "contrast_before": pa.float32(),
        "contrast": pa.float32(),
        "psnr": pa.float32(),
        "source": pa.string(),
        "study": pa.string(),
        "series": pa.string(),
        "instance": pa.string(),
        "kind": pa.string(),
        "modality": pa.string(),
        "object": pa.string(),
        "photometric": pa.string(),
        "transfer_syntax": pa.string(),
        "bits": pa.int32(),
        "width": pa.int32(),
        "height": pa.int32(),
        "frames": pa.int32(),
        "burned_in_text": pa.string(),
        "masked": pa.string(),
        "elements": pa.string(),
        "settings": pa.string(),
        "image": pa.string(),
        "preview": pa.string(),
        "sha256": pa.string(),
        "bytes": pa.int64(),
    }
)


class Output:
    """The results of a file: contents by path in the run folder, and its metadata row."""

    def __init__(self, files: dict[str, bytes], columns: dict[str, Any]) -> None:
        self.files = files
        self.columns = columns


class ArchiveFile:
    """One file of an archive.

    Attributes:
        row: its position in the archive.
        path: its path within the archive.
        source: its name in the results: a pseudonym of its path, or the path if identities are kept.
        name: of its result's file, without a folder; one that is no DICOM may get another suffix.
        data: its bytes until it is decoded; None if it is too large to hold in memory.
        study: its StudyInstanceUID in the results, once known.
        output: its results, once processed.
    """

    def __init__(self, row: int, path: str, source: str, name: str) -> None:
        self.row = row
        self.path = path
        self.source = source
        self.name = name
        self.data: bytes | None = None
        self.study = ""
        self.output: Output | None = None

    def identity(self) -> dict[str, Any]:
        return {"source": self.source, "study": self.study}


class ArchiveShard(ShardState[ShardOfFiles, ArchiveFile]):
    """A shard of an archive's files in the pipeline."""

    IDENTITY: ClassVar[dict[str, pa.DataType]] = {"source": pa.string(), "study": pa.string()}


def read(
    shard: ShardOfFiles, archive: Storage, names: Pseudonyms, keep_identity: bool, only: frozenset[int] | None = None
) -> ArchiveShard:
    """Fetches the files of a shard, or only the rows `only`.

    Raises:
        StorageError: the archive cannot be read; the sentence names no file.
    """
    work = ArchiveShard(shard, [], [])
    with work.timed("read"):
        sources = [_readable(path) if keep_identity else names.code("file", path) for path, _ in shard.files]
        results = _names(sources)
        for row, ((path, size), source) in enumerate(zip(shard.files, sources, strict=True), shard.row):
            if only is None or row in only:
                file = ArchiveFile(row, path, source, results[source])
                work.items.append(file)
                try:
                    file.data = None if size > large_files.LARGE else fetch(archive, path, row)
                except Refused as error:
                    stage, reason = why(error)
                    work.fail(stage, {file: reason})
    return work


def _names(sources: Sequence[str]) -> dict[str, str]:
    """The names of results, distinct whatever suffix they get: beside `x.png` that of `x` is `x~`."""
    stems = {folded(source.rpartition(".")[0]) for source in sources}
    return {source: name + "~" * (folded(source) in stems) for source, name in distinct_names(sources).items()}


def _readable(path: str) -> str:
    """The path as valid text, with undecodable bytes escaped."""
    return path.encode("utf-8", "backslashreplace").decode()


def fetch(archive: Storage, path: str, row: int) -> bytes:
    """The bytes of a file.

    Raises:
        Refused: it is gone, or not a regular file.
        StorageError: it cannot be read; the sentence names no file.
    """
    try:
        return archive.read(path)
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise Refused("it was gone when its turn came, or is a link that leads nowhere") from None
        if isinstance(error.__cause__, NotRegularFile):
            raise Refused("not a regular file but a pipe, socket or device", stage="skip") from None
        raise unnamed(error, archive, row) from None


def unnamed(error: StorageError, archive: Storage, row: int) -> StorageError:
    """The failure without the file's name in it."""
    return StorageError(
        f"{archive.url()}: its file at row {row} cannot be read ({type(error.__cause__).__name__}); run the same "
        "command again to carry on.",
        passing=error.passing,
    )


def write(work: ArchiveShard, storage: Storage, attempt: int = 1) -> Outcome:
    """Writes a shard; its metadata last, so that its existence means the shard is complete.

    Raises:
        StorageError: something could not be written; the shard then counts as incomplete.
    """
    outputs = [file.output for file in work.items if file.output is not None]
    with work.timed("write"):
        storage.write_many({path: data for output in outputs for path, data in output.files.items()})
    metadata = pa.Table.from_pylist([output.columns for output in outputs], schema=METADATA)
    return work.commit(storage, metadata, attempt)


def why(error: Exception) -> tuple[str, str]:
    """The stage at which a file failed, and the reason."""
    if isinstance(error, StorageError | MemoryError) or is_broken(error):
        raise error  # not the file's fault
    if isinstance(error, Refused):
        return error.stage, str(error)
    if isinstance(error, BadInput):  # a step that does not fit the image; its sentence reveals nothing about the file
        return "enhance", str(error)
    return "reprocess", f"it fails with {type(error).__name__}"
