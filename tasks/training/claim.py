"""A training's folder belongs to one training."""

from pathlib import Path

from pydantic import BaseModel

from tasks.errors import BadInput


def claim(out: Path, job: BaseModel, free: set[str]) -> None:
    """Marks the folder with the job; an interrupted training may only go on as it began.

    Args:
        free: fields that may differ when it goes on.

    Raises:
        BadInput: the folder holds a training with other settings.
    """
    said = job.model_dump_json(exclude=free)
    path = out / "job.json"
    if path.exists() and path.read_text("utf-8") != said:
        raise BadInput(f"{out} holds a training with other settings ({path}): choose another --out folder.")
    out.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(said, "utf-8")
    partial.replace(path)
