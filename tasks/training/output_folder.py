"""The output folder of a training, which belongs to that training alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from safetensors import SafetensorError

from models.messages import one_line
from tasks.runfolder.errors import BadInput
from tasks.runfolder.lock import locked
from tasks.runfolder.storage import Storage, StorageError

STATE = "state.safetensors"  # everything the next step depends on
_DATA = "data sha256"


@contextmanager
def failures_told(out: Path) -> Iterator[None]:
    """Turns failures to read data and to write checkpoints into BadInput where the user can mend them.

    Raises:
        BadInput: what is wrong with a folder.
        StorageError: storage failed; the same command again carries on.
    """
    try:
        yield
    except StorageError as error:
        raise BadInput(str(error)) if error.mendable else error from error
    except SafetensorError as error:  # of reading one there is a sentence already
        sentence = f"{out}: a checkpoint cannot be written ({one_line(error)}); run the same command again to carry on."
        raise StorageError(sentence) from error


@contextmanager
def lock_output_folder(
    out: Path, job: BaseModel, may_differ: set[str], data_digest: str | None = None
) -> Iterator[None]:
    """Holds the folder and marks it with the job; an interrupted training may only go on as it began.

    A folder where nothing has been learned yet is anybody's: a job that was refused can be mended and given again.

    Args:
        may_differ: fields of the job that may differ when it goes on.
        data_digest: of what is learned from, which may not differ; None if it may.

    Raises:
        BadInput: the folder holds a training with other settings or data, or is at work.
        StorageError: it may not be written.
    """
    with locked(Storage(str(out)), "training"):
        _mark(out, json.loads(job.model_dump_json(exclude=may_differ)), data_digest)
        yield


def _mark(out: Path, said: dict[str, Any], data: str | None) -> None:
    path = out / "job.json"
    if any((out / name).exists() for name in (STATE, "config.json")):
        before = _read(path)
        if before is None:
            raise BadInput(f"{out} holds a model, but no training that could go on: choose another --out folder.")
        differ = [
            f"--{name.replace('_', '-')} was {before.get(name)}" for name in said if said[name] != before.get(name)
        ]
        if differ:
            raise BadInput(
                f"{out} holds a training with other settings ({', '.join(differ)}): choose another --out folder."
            )
        if data is not None and before.get(_DATA, data) != data:
            raise BadInput(
                f"{out} holds a training on other data than it is given now: give it those again, or choose another "
                "--out folder."
            )
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(said if data is None else {**said, _DATA: data}), "utf-8")
    partial.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
