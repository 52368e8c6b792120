"""Reprocess: the stages that a shard of an archive's files goes through: read, look, enhance, write.

A file that a stage fails for is quarantined with a reason. Reasons are sentences of our own and names of error types,
never an error's message: decoders quote what they stumble over, and that may be a patient's name.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from tasks import strips
from tasks.archive import ShardOfFiles
from tasks.burned_in import Rule, has_text
from tasks.dicom.derive import to_bytes
from tasks.dicom.open import Refused
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.errors import BadInput
from tasks.levels import apply
from tasks.previews import figures, preview, shown
from tasks.scan import Scan
from tasks.storage import Storage, StorageError
from tasks.work import Timed
from tasks.write import Outcome, commit

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


class Recipe:
    """What is done to every file: the same for a whole run.

    Attributes:
        text: the chain of enhancement, as it was asked for.
        enhance: applies it to (1, c, h, w), on the right device and in the right thread.
        reach: how far its steps look, in pixels; None if one needs the whole picture.
        archive, out: where large pictures come from and go to, a strip at a time.
    """

    def __init__(
        self,
        text: str,
        enhance: Callable[[Tensor], Tensor],
        reach: int | None,
        archive: Storage,
        out: Storage,
        names: Pseudonyms,
        keep_identity: bool,
        burned_in: Rule,
        settings: str,
    ) -> None:
        self.text = text
        self.enhance = enhance
        self.reach = reach
        self.archive = archive
        self.out = out
        self.names = names
        self.keep_identity = keep_identity
        self.burned_in = burned_in
        self.settings = settings


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
                source = path if keep_identity else names.code("file", path)
                if size > strips.LARGE:
                    work.large.append((row, source, path))
                    continue
                try:
                    work.data.append((row, source, _fetch(archive, path, row)))
                except Refused as error:
                    work.rejected.append(Rejected(row, source, "", *_why(error)))
    return work


def _fetch(archive: Storage, path: str, row: int) -> bytes:
    try:
        return archive.read(path)
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise Refused("it was gone when its turn came") from None
        raise _unnamed(error, archive, row) from None


def _unnamed(error: StorageError, archive: Storage, row: int) -> StorageError:
    """The failure without the file's name in it."""
    return StorageError(
        f"{archive.url()}: its file at row {row} cannot be read ({type(error.__cause__).__name__}); run the same "
        "command again to carry on.",
        passing=error.passing,
    )


def reprocess(work: Files, recipe: Recipe) -> None:
    """Opens, looks at, enhances and encodes file after file: the pixels of one at a time are in memory."""
    while work.data:
        row, source, data = work.data.pop(0)
        scan: Scan | None = None
        try:
            with work.timed("decode"):
                scan = Scan(row, source, data)
                scan.identify(recipe.names, recipe.keep_identity)
            with work.timed("look"):
                _look(scan, recipe.burned_in)
            with work.timed("enhance"):
                _enhance(scan, recipe)
            with work.timed("write"):
                work.made.append(_encode(scan, recipe, work.shard.name))
        except Exception as error:
            study = scan.study if scan else getattr(error, "study", "")
            if not (scan and scan.study) and not recipe.keep_identity:
                study = recipe.names.uid(study)
            work.rejected.append(Rejected(row, source, study, *_why(error)))

    for row, source, path in work.large:
        study = ""
        try:
            with work.timed("enhance"), recipe.archive.open(path) as file:
                large = strips.LargeScan(file, recipe.reach)
                uid = str(large.dataset.StudyInstanceUID)
                study = uid if recipe.keep_identity else recipe.names.uid(uid)
                scan = Scan.of_header(row, source, large.digest, large.dataset)
                work.made.append(_by_strips(large, scan, recipe, work.shard.name))
        except StorageError as error:
            raise _unnamed(error, recipe.archive, row) from None
        except Exception as error:
            work.rejected.append(Rejected(row, source, study, *_why(error)))


def _by_strips(large: strips.LargeScan, scan: Scan, recipe: Recipe, shard: str) -> Made:
    """The large picture's file goes to the run folder here and now; what is `Made` is the rest."""
    scan.identify(recipe.names, recipe.keep_identity)
    if scan.says_text and recipe.burned_in != "keep":
        raise Refused("burned-in text (its header says so)", stage="look")
    scan.text = "none" if recipe.burned_in == "quarantine" else "unknown"  # else it will not come to be
    name, _ = scan.encode(recipe.text, recipe.names)
    columns = scan.columns() | {"width": large.columns, "height": large.rows}
    columns["text"] = columns["text"].replace("1 x 1,", f"{large.columns} x {large.rows},")
    assert scan.dataset is not None
    scan.dataset.Rows, scan.dataset.Columns = large.rows, large.columns
    head, digest = large.head(to_bytes(scan.dataset)), sha256()

    def parts() -> Iterator[bytes]:
        for part in chain([head], large.strips(recipe.enhance, recipe.burned_in)):
            digest.update(part)
            yield part

    id, image = name.rpartition(".")[0], f"images/{shard}/{name}"
    recipe.out.write_parts(image, parts())
    before, after = (np.concatenate(rows) for rows in (large.before, large.after))
    before, after = shown(before, large.level), shown(after, large.level, like=before)
    small = f"previews/{shard}/{id}.webp"
    columns |= {"id": id, "image": image, "preview": small, "settings": recipe.settings, "burned_in_text": large.text}
    columns |= {"bytes": len(head) + large.size + large.size % 2, "sha256": digest.hexdigest()}
    return Made({small: preview(before, after)}, columns | figures(before, after))


def _enhance(scan: Scan, recipe: Recipe) -> None:
    pairs = zip(scan.frames, scan.levels, strict=True)
    frames = [apply(recipe.enhance, frame, levels, scan.limits, scan.padding) for frame, levels in pairs]
    scan.made = np.stack(frames)


def _look(scan: Scan, rule: Rule) -> None:
    """Finds burned-in text, and refuses the picture for it unless it is to be kept."""
    if scan.says_text:
        scan.text = "header"
    elif rule != "header":
        seen = any(has_text(frame, levels) for frame, levels in zip(scan.frames, scan.levels, strict=True))
        scan.text = "seen" if seen else "none"
    if rule != "keep" and scan.text in {"header", "seen"}:
        by = "its header says so" if scan.text == "header" else "letters were seen among its pixels"
        raise Refused(f"burned-in text ({by}); --burned-in keep takes it nevertheless", stage="look")


def _encode(scan: Scan, recipe: Recipe, shard: str) -> Made:
    columns = scan.columns()
    name, file = scan.encode(recipe.text, recipe.names)
    middle = len(scan.frames) // 2
    before = shown(scan.frames[middle], scan.levels[middle])
    after = shown(scan.made[middle], scan.levels[middle], like=scan.frames[middle])
    id = name.rpartition(".")[0]
    image, small = f"images/{shard}/{name}", f"previews/{shard}/{id}.webp"
    columns |= {"id": id, "image": image, "preview": small, "settings": recipe.settings, "bytes": len(file)}
    columns |= {"sha256": sha256(file).hexdigest(), **figures(before, after)}
    return Made({image: file, small: preview(before, after)}, columns)


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


def _why(error: Exception) -> tuple[str, str]:
    """The stage at which a file failed, and the reason."""
    if isinstance(error, StorageError | MemoryError):
        raise error  # not the file's fault
    if isinstance(error, Refused):
        return error.stage, str(error)
    if isinstance(error, BadInput):  # a step of the chain that does not fit; the sentence knows nothing of the file
        return "enhance", str(error)
    return "reprocess", f"it fails with {type(error).__name__}"
