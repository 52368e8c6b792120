"""The pictures of a run, as they are shown for review."""

from itertools import pairwise
from typing import Any

from tasks.feedback.votes import Picture
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import read_record
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table

MOST_PICTURES = 100_000


def run_pictures(run: Storage) -> dict[str, Picture]:
    """The pictures of a run by id, in the order of its rows, at most `MOST_PICTURES`.

    Raises:
        BadInput: there is no run, it has no pictures, or its metadata are damaged.
    """
    if read_record(run) is None:
        raise BadInput(f"{run.url()}: there is no run here (no run.json); check the path.")
    found: dict[str, Picture] = {}
    for path in sorted(run.list("metadata")):
        table = read_table(run, path)
        names = [name for name in ("id", "text", "image", "preview", "generator") if name in table.column_names]
        for row in table.select(names).to_pylist():
            if len(found) < MOST_PICTURES and row.get("id") and row.get("image"):
                found[row["id"]] = _picture(row)
    if not found:
        raise BadInput(f"{run.url()}: the run has no pictures yet; finish it first.")
    return found


def _picture(row: dict[str, Any]) -> Picture:
    return Picture(
        uid=row["id"],
        caption=str(row.get("text") or ""),
        image=str(row.get("preview") or row["image"]),
        model=str(row.get("generator") or ""),
    )


def pairs_of(pictures: dict[str, Picture]) -> list[tuple[int, int]]:
    """Which pictures are compared, by their place: neighbours among those of one text."""
    by_text: dict[str, list[int]] = {}
    for number, picture in enumerate(pictures.values()):
        by_text.setdefault(picture.caption, []).append(number)
    return [pair for same in by_text.values() for pair in pairwise(same)]
