"""Which model of a folder is in use: a pointer file, and beside it every promotion with its evidence.

    models/production/current.json              {"promotion": 3}
    models/production/promotions/00003.json     the model, its digest, when, and the evidence

Wherever a model's folder is asked for, this folder stands for the model that it points to. A promotion is written
before the pointer, which is replaced as a whole, so that a reader sees the old model or the new one.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.runfolder.errors import BadInput

POINTER, PROMOTIONS = "current.json", "promotions"


@dataclass(frozen=True)
class Promotion:
    """One entry of a folder's history; `model` is a reference as `--generator` takes it, `before` the number of what
    was in use until then."""

    number: int
    model: str
    digest: str
    at: str
    evidence: dict[str, Any] | None
    before: int | None


def current(folder: Path) -> Promotion | None:
    """What the folder points to; None if it is no such folder. Raises BadInput if it is damaged."""
    if not (folder / POINTER).is_file():
        return None
    return _promotion(folder, _read(folder / POINTER, "promotion", int))


def promote(folder: Path, model: str, digest: str, evidence: dict[str, Any] | None) -> Promotion:
    """Points the folder to a model. A local model is kept relative to the folder, so that both may be moved."""
    now = current(folder)
    there = (folder / PROMOTIONS).glob("*.json") if folder.is_dir() else ()
    number = 1 + max((int(path.stem) for path in there if path.stem.isdigit()), default=0)
    path = Path(model).expanduser()
    kept = os.path.relpath(path.resolve(), folder.resolve()) if path.is_dir() else model
    at, before = datetime.now(UTC).isoformat(timespec="seconds"), None if now is None else now.number
    made = Promotion(number, kept, digest, at, evidence, before)
    (folder / PROMOTIONS).mkdir(parents=True, exist_ok=True)
    _write(folder / PROMOTIONS / f"{number:05d}.json", vars(made))
    _write(folder / POINTER, {"promotion": number})
    return _promotion(folder, number)


def roll_back(folder: Path) -> tuple[Promotion, Promotion]:
    """Points the folder to the model before; returns what it pointed to and what it points to now.

    Raises BadInput if there is nothing to go back to.
    """
    now = current(folder)
    if now is None:
        raise BadInput(f"{folder}: there is no {POINTER}, so nothing has been promoted here; check the path.")
    if now.before is None:
        raise BadInput(f"{folder}: {now.model} is the first that was promoted; there is none to go back to.")
    before = _promotion(folder, now.before)
    _write(folder / POINTER, {"promotion": before.number})
    return now, before


def _promotion(folder: Path, number: int) -> Promotion:
    path = folder / PROMOTIONS / f"{number:05d}.json"
    model = _read(path, "model", str)
    content = json.loads(path.read_text("utf-8"))
    local = (folder / model).resolve()
    evidence, before = content.get("evidence"), content.get("before")
    return Promotion(
        number,
        str(local) if local.is_dir() else model,
        str(content.get("digest", "")),
        str(content.get("at", "")),
        evidence if isinstance(evidence, dict) else None,
        before if isinstance(before, int) else None,
    )


def _read(path: Path, name: str, kind: type) -> Any:
    try:
        value = json.loads(path.read_text("utf-8"))[name]
        if not isinstance(value, kind):
            raise ValueError(f"{name} is {value!r}")
        return value
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: damaged, does not say which model is in use ({error}); promote one again.") from error


def _write(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
