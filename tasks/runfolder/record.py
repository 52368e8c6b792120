"""run.json: the job, input and models of a run folder, so that a resumed run is the same run or is refused."""

import json
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, ValidationError

from tasks.runfolder import claims, costs, workers
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import filesystem
from tasks.runfolder.storage import Storage
from tasks.runfolder.storage_errors import unusable

RECORD = "run.json"
MADE_WITH = ("imagemill", "torch", "transformers", "diffusers", "pillow", "pyarrow")
NAMED = 5  # files in a sentence
COMPARED = ("job", "input", "encoder", "generator")


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    digest: str


class _Input(BaseModel):
    model_config = ConfigDict(extra="allow")
    rows: NonNegativeInt


class _Record(BaseModel):
    """What is relied on of run.json, which may have been changed by hand."""

    model_config = ConfigDict(extra="allow")
    job: dict[str, Any]
    input: _Input
    files: dict[str, str] | None = None
    encoder: _Model | None
    generator: _Model
    shard_size: PositiveInt
    shard_pixels: PositiveInt | None = None
    shards: NonNegativeInt
    batch_size: PositiveInt | None = None


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in MADE_WITH:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def read_record(storage: Storage) -> dict[str, Any] | None:
    """The record of a run folder, or None if there is no run in it.

    Raises:
        BadInput: the record is damaged.
    """
    if not storage.exists(RECORD):
        return None
    try:
        record = _Record.model_validate(json.loads(storage.read(RECORD)), strict=True).model_dump(exclude_unset=True)
        return {**record, "job": _files_by_name(record["job"])}
    except (ValueError, RecursionError) as error:
        wrong = error.errors()[0] if isinstance(error, ValidationError) else None
        what = f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" if wrong else str(error)
        raise BadInput(
            f"{storage.url(RECORD)}: not a record of an imagemill run ({what}); choose another --out."
        ) from error


def _files_by_name(job: dict[str, Any]) -> dict[str, Any]:
    """The job of an older version, which recorded the paths of the files that `enhance` refers to."""
    files = job.get("enhance files") or {}
    if not isinstance(files, dict) or not isinstance(job.get("enhance"), str):
        return job
    named = {path: PurePosixPath(path).name for path in files}
    if not any("/" in path for path in files):
        return job
    chain = job["enhance"]
    for path, name in named.items():
        chain = chain.replace(path, name)
    return {**job, "enhance": chain, "enhance files": {named[path]: digest for path, digest in files.items()}}


def open_record(storage: Storage, record: dict[str, Any], resume: bool) -> dict[str, Any]:
    """Writes the record of a new run, or checks that the folder's record is of the same run. Returns the folder's.

    Raises:
        BadInput: the folder holds a different run (the sentence names what differs), or any run while `resume` is off.
    """
    known = read_record(storage)
    if known is None:
        if storage.create(RECORD, json.dumps(record, ensure_ascii=False, indent=2).encode()):
            return record
        known = read_record(storage)  # of another that came at the same time
        assert known is not None
    check_same(storage, known, record, resume)
    return known


def check_same(storage: Storage, known: dict[str, Any], record: dict[str, Any], resume: bool) -> None:
    """Checks that the folder's record is of the same run. Raises BadInput as `open_record` does."""
    if not resume:
        raise BadInput(
            f"{storage.url()}: there is a run already; drop --no-resume to carry on, or choose another --out."
        )
    differences = [
        f"{part} {key}: {was!r} then, {now!r} now"
        for part in COMPARED
        for key, was, now in _differences(known[part] or {}, record[part] or {})
    ]
    if known["input"] != record["input"] and known.get("files") and record.get("files"):
        differences += _changed_files(known["files"], record["files"])
    if differences:
        raise BadInput(
            f"{storage.url()}: the run there was made from something else ({'; '.join(differences)}); "
            "give the same again to carry on, or choose another --out."
        )


def _changed_files(was: dict[str, str], now: dict[str, str]) -> list[str]:
    """Which files of the input are others than they were, by name."""
    told = []
    for what, names in (
        ("gone", [name for name in was if name not in now]),
        ("new", [name for name in now if name not in was]),
        ("changed", [name for name in now if was.get(name, now[name]) != now[name]]),
    ):
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            told.append(f"{what}: {', '.join(names[:NAMED])}{more}")
    return told


def _differences(was: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(key, was.get(key), now.get(key)) for key in {**was, **now} if was.get(key) != now.get(key)]


def check_outside(to: Storage, run: Storage) -> None:
    """Raises BadInput if what is made of a run would be written into it."""
    if f"{to.url()}/".startswith(f"{run.url()}/"):
        raise BadInput(f"--to {to.url()}: it lies in the run; choose a folder outside of it.")


def check_out(url: str) -> None:
    """Raises BadInput if the folder holds anything but a run, or if the URL does not name a folder.

    Raises StorageError if the store does not answer.
    """
    try:
        fs, base = filesystem(url)
        if not url.strip() or not base.strip("/"):
            raise BadInput(
                f"--out {url!r}: it names no folder, or the root of the file system; name a folder for the run."
            )
        if fs.isfile(base):
            raise BadInput(f"--out {url}: a file stands where a folder is wanted; name another.")
        paths = [path.rstrip("/") for path in fs.ls(base, detail=False)]
    except FileNotFoundError:
        return
    except BadInput:
        raise
    except Exception as error:
        raise unusable(error, url) or BadInput(str(error)) from error
    names = {PurePosixPath(path).name for path in paths if path != base.rstrip("/")}
    own = {claims.FOLDER, workers.FOLDER, costs.ESTIMATE}  # of one that is about to begin, or was killed
    foreign = sorted(name for name in names - own if not name.startswith(".") and not name.endswith(".lock"))
    if foreign and RECORD not in names:
        raise BadInput(
            f"--out {url}: the folder is not empty and holds no imagemill run (there is {foreign[0]}); choose another."
        )
