"""Files: a shard of an archive's files on its way: what was read, what was made of it, how it is written.

A file that a stage fails for is quarantined with a reason. Reasons are sentences of our own and names of error types,
never an error's message: decoders quote what they stumble over, and that may be a patient's name.
"""

from typing import Any

import pyarrow as pa

from tasks.archive import large_files
from tasks.archive.listing import ShardOfFiles
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.imaging.refused import Refused
from tasks.runfolder.commit import Outcome, commit
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.timing import Timed

QUARANTINE = pa.schema(
    {
        "row": pa.int64(),
        "source": pa.string(),
        "study": pa.string(),
        "stage": pa.string(),
        "error": pa.string(),
        "attempt": pa.int32(),
    }
)
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
        "settings": pa.string(),
        "image": pa.string(),
        "preview": pa.string(),
        "sha256": pa.string(),
        "bytes": pa.int64(),
    }
)


class Rejected:
    """A file of which nothing is made, and why."""

    def __init__(self, row: int, source: str, study: str, stage: str, error: str) -> None:
        self.row = row
        self.source = source
        self.study = study
        self.stage = stage
        self.error = error


class Made:
    """What was made of a file: paths in the run folder with their bytes, and its row of the metadata."""

    def __init__(self, files: dict[str, bytes], columns: dict[str, Any]) -> None:
        self.files = files
        self.columns = columns


class Files(Timed):
    """A shard on its way: bytes of files, then what was made of them. No file is in none of the three.

    Attributes:
        data: (row, source, bytes) of those that are still to be done.
        large: (row, source, path in the archive) of those that are too large to be fetched.
    """

    def __init__(self, shard: ShardOfFiles) -> None:
        super().__init__()
        self.shard = shard
        self.data: list[tuple[int, str, bytes]] = []
        self.large: list[tuple[int, str, str]] = []
        self.made: list[Made] = []
        self.rejected: list[Rejected] = []

    def release(self) -> None:
        """Lets go of all: Prefect keeps parameters in reference cycles, until Python's collector comes."""
        self.data, self.large, self.made, self.rejected = [], [], [], []


def read(
    shard: ShardOfFiles, archive: Storage, names: Pseudonyms, keep_identity: bool, only: frozenset[int] | None = None
) -> Files:
    """Fetches the files of a shard; with `only`, those rows.

    Raises:
        StorageError: the archive cannot be read; the sentence names no file.
    """
    work = Files(shard)
    with work.timed("read"):
        for row, (path, size) in enumerate(shard.files, shard.row):
            if only is None or row in only:
                source = _readable(path) if keep_identity else names.code("file", path)
                if size > large_files.LARGE:
                    work.large.append((row, source, path))
                    continue
                try:
                    work.data.append((row, source, fetch(archive, path, row)))
                except Refused as error:
                    work.rejected.append(Rejected(row, source, "", *why(error)))
    return work


def _readable(path: str) -> str:
    """A path that is text, whatever bytes a file's name has."""
    return path.encode("utf-8", "backslashreplace").decode()


def fetch(archive: Storage, path: str, row: int) -> bytes:
    """The bytes of a file.

    Raises:
        Refused: it is gone.
        StorageError: it cannot be read; the sentence names no file.
    """
    try:
        return archive.read(path)
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise Refused("it was gone when its turn came, or is a link that leads nowhere") from None
        raise unnamed(error, archive, row) from None


def unnamed(error: StorageError, archive: Storage, row: int) -> StorageError:
    """The failure without the file's name in it."""
    return StorageError(
        f"{archive.url()}: its file at row {row} cannot be read ({type(error.__cause__).__name__}); run the same "
        "command again to carry on.",
        passing=error.passing,
    )


def write(work: Files, storage: Storage, attempt: int = 1) -> Outcome:
    """Writes a shard; its metadata last, so that its existence means the shard is complete.

    Raises:
        StorageError: something could not be written; the shard does not count as complete then.
    """
    with work.timed("write"):
        storage.write_many({path: data for made in work.made for path, data in made.files.items()})
    rejected = sorted(work.rejected, key=lambda rejected: rejected.row)
    metadata = pa.Table.from_pylist([made.columns for made in work.made], schema=METADATA)
    quarantine = pa.Table.from_pylist([{**vars(r), "attempt": attempt} for r in rejected], schema=QUARANTINE)
    return commit(storage, work.shard, metadata, quarantine, work.seconds, attempt)


def why(error: Exception) -> tuple[str, str]:
    """The stage at which a file failed, and the reason."""
    if isinstance(error, StorageError | MemoryError):
        raise error  # not the file's fault
    if isinstance(error, Refused):
        return error.stage, str(error)
    if isinstance(error, BadInput):  # a step of the chain that does not fit; the sentence knows nothing of the file
        return "enhance", str(error)
    return "reprocess", f"it fails with {type(error).__name__}"
