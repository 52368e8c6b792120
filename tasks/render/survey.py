"""What must be known of all rows before the first is read: whose id is taken, and how many pixels each asks for."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.prompts.id_index import IdIndex
from tasks.prompts.parquet_reader import column_batches
from tasks.prompts.whole_input import Input
from tasks.render.anchors import ANCHOR, MISSING, Anchors, named_rows
from tasks.render.options import LARGEST, MOST_PICTURES, SMALLEST, ReadOptions
from tasks.render.read import values
from tasks.render.row_values import row_id, whole

_PICTURE = re.compile(r"~(0|[1-9][0-9]{0,3})\Z")  # what is added to the id of a row with several pictures
_NUMBERS = 10_000  # more than there can be behind the `~`
_LIMITS = {"width": (SMALLEST, LARGEST), "height": (SMALLEST, LARGEST), "count": (1, MOST_PICTURES)}


def duplicate_rows(found: Input, count: int = 1) -> np.ndarray:
    """Rows whose id stands on an earlier row too, or is that of a picture of another row; sorted (int64).

    Reads the id column alone, a batch at a time, and keeps 16 bytes a row on disk.

    Args:
        count: pictures of a row that does not say so itself: those of a row `a` are called `a~0` and `a~1`.
    """
    if "id" not in found.schema.names:
        return np.empty(0, np.int64)
    several = count > 1 or "count" in found.schema.names
    with IdIndex(found.rows) as index:
        row = 0
        for batch in column_batches(found, ["id"]):
            ids = _ids(batch["id"])
            given = [i for i, id in enumerate(ids) if id is not None]
            index.add(_hashes(ids)[given], row + np.array(given, np.int64))
            if several:
                _ask_for_rows_of(index, ids, row)
            row += len(ids)
        again, named = index.found()
    return np.union1d(again, _of_pictures(found, named, count)).astype(np.int64)


def _ask_for_rows_of(index: IdIndex, ids: list[str | None], first: int) -> None:
    """Looks up the row of which an id, such as `a~1`, may be that of a picture."""
    like = [(first + i, *id.rpartition("~")) for i, id in enumerate(ids) if id is not None and _PICTURE.search(id)]
    if like:
        numbers = np.array([row * _NUMBERS + int(number) for row, _, _, number in like], np.int64)
        index.ask(_hashes([base for _, base, _, _ in like]), numbers)


def _of_pictures(found: Input, named: np.ndarray, count: int) -> np.ndarray:
    """Of rows whose id looks like that of another row's picture those for which that row has as many."""
    if not len(named):
        return np.empty(0, np.int64)
    (rows, numbers), pictures = np.divmod(named[:, 0], _NUMBERS), _counts(found, count)[named[:, 1]]
    return rows[(pictures > 1) & (numbers < pictures)]


def anchored(found: Input) -> Anchors | None:
    """Which row follows which, by the column `reference_row`; None where there is none.

    Reads it and the id column alone, a batch at a time, and keeps 16 bytes for each reference.
    """
    if ANCHOR not in found.schema.names:
        return None
    rows: list[np.ndarray] = []
    wanted: list[np.ndarray] = []
    ids: list[np.ndarray] = []
    given: list[np.ndarray] = []
    names = ["id", ANCHOR] if "id" in found.schema.names else [ANCHOR]
    start = 0
    for batch in column_batches(found, names):
        own: list[str | None] = _ids(batch["id"]) if "id" in names else [None] * len(batch)
        ids.append(_hashes(own))
        given.append(np.array([id is not None for id in own], bool))
        asked = [(start + i, name) for i, value in enumerate(values(batch[ANCHOR])) for name in _anchor_names(value)]
        rows.append(np.array([row for row, _ in asked], np.int64))
        wanted.append(_hashes([name for _, name in asked]))
        start += len(batch)
    hashes, known = np.concatenate(ids), np.flatnonzero(np.concatenate(given))
    order = known[np.argsort(hashes[known], kind="stable")]  # of rows with one id the first is meant
    asked_rows, names_wanted = np.concatenate(rows), np.concatenate(wanted)
    places = np.searchsorted(hashes[order], names_wanted)
    found_rows = np.full(len(names_wanted), MISSING, np.int64)
    inside = places < len(order)
    hits = np.zeros(len(names_wanted), bool)
    hits[inside] = hashes[order[places[inside]]] == names_wanted[inside]
    found_rows[hits] = order[places[hits]]
    return Anchors(found.rows, asked_rows, found_rows)


def _anchor_names(value: Any) -> list[str]:
    """The ids that a cell names; what is no id is told when its row is read."""
    try:
        return named_rows(value)
    except ValueError:
        return []


def row_pixels(found: Input, options: ReadOptions, size: tuple[int, int]) -> Iterator[np.ndarray] | None:
    """Pixels of all pictures of each row (int64), a batch of rows at a time; None where no column tells.

    Reads the columns `width`, `height` and `count` alone. A value that cannot be used counts as none: its row fails.
    """
    names = [name for name in _LIMITS if name in found.schema.names]
    usual = {"width": options.width or size[0], "height": options.height or size[1], "count": options.count}
    if not names:
        return None
    if options.panorama and len({"width", "height"} & {*names}) == 1:  # the one edge tells the other
        told, other = ("width", "height") if "width" in names else ("height", "width")
        ratio = usual[other] / usual[told]
        return (_panorama_pixels(batch, told, ratio, usual) for batch in column_batches(found, names))
    others = int(np.prod([usual[name] for name in _LIMITS if name not in names]))
    return (
        others * np.prod([_whole_numbers(batch[name], name, usual[name]) for name in names], axis=0)
        for batch in column_batches(found, names)
    )


def _panorama_pixels(batch: pa.Table, told: str, ratio: float, usual: dict[str, int]) -> np.ndarray:
    edges = _whole_numbers(batch[told], told, usual[told])
    counts = (
        _whole_numbers(batch["count"], "count", usual["count"]) if "count" in batch.column_names else usual["count"]
    )
    return np.asarray(edges * (edges * ratio) * counts).astype(np.int64)


def pictures_in_all(found: Input, usual: int) -> int:
    """How many pictures all rows ask for."""
    return int(_counts(found, usual).sum())


def _counts(found: Input, usual: int) -> np.ndarray:
    if "count" not in found.schema.names:
        return np.broadcast_to(np.int16(usual), found.rows)
    batches = column_batches(found, ["count"])
    return np.concatenate([_whole_numbers(batch["count"], "count", usual).astype(np.int16) for batch in batches])


def _ids(column: pa.ChunkedArray) -> list[str | None]:
    ids: list[str | None] = []
    for value in values(column):
        try:
            ids.append(None if value is None else row_id(value))
        except ValueError:
            ids.append(None)
    return ids


def _hashes(ids: list[str | None]) -> np.ndarray:
    return pd.util.hash_array(np.array(["" if id is None else id for id in ids], dtype=object))


def _whole_numbers(column: pa.ChunkedArray, name: str, usual: int) -> np.ndarray:
    """A column as whole numbers within the limits of its name; `usual` in the place of all else."""
    low, high = _LIMITS[name]
    if pa.types.is_integer(column.type):
        numbers = column.fill_null(usual).to_numpy()
        return np.where((numbers >= low) & (numbers <= high), numbers, usual).astype(np.int64)
    return np.array([_whole_or(value, name, usual) for value in values(column)], np.int64)


def _whole_or(value: Any, name: str, usual: int) -> int:
    try:
        return usual if value is None else whole(value, name, *_LIMITS[name])
    except ValueError:
        return usual
