"""Anchors: rows whose pictures other rows follow (column `reference_row`), and the order in which they are made.

A row without an anchor is of level 0, others of one more than the highest of their anchors. A level is made when those
below it are complete.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.render.row_values import row_id

MOST_LEVELS = 64  # each waits for the one before
FILE, ANCHOR = "reference", "reference_row"
"""Columns of the pictures that a row follows: files, and rows of the same input. They are carried through, too."""
MISSING = -1
"""The anchor of a reference whose id is not in the input."""


class Anchors:
    """Which row follows which: `rows` (references,) int64, ascending, and the row that each refers to, or `MISSING`.

    Attributes:
        levels: the level of each row of the input (rows,) int16; -1 for rows that cannot be made: they are in a
            circle, or hang on one, or on more than `MOST_LEVELS` others in turn.
    """

    def __init__(self, total: int, rows: np.ndarray, anchors: np.ndarray) -> None:
        self.rows, self.anchors = rows, anchors
        self.levels = self._levels(total)

    def _levels(self, total: int) -> np.ndarray:
        levels = np.zeros(total, np.int16)
        rows, anchors = self.rows, self.anchors
        here = anchors != MISSING
        rows, anchors = rows[here], anchors[here]
        levels[rows] = -1
        for level in range(1, MOST_LEVELS):
            waiting = np.unique(rows[levels[anchors] == -1])  # rows with an anchor that has no level yet
            ready = np.setdiff1d(rows, waiting, assume_unique=False)
            ready = ready[levels[ready] == -1]
            if not len(ready):
                break
            levels[ready] = level
            left = levels[rows] == -1
            rows, anchors = rows[left], anchors[left]
        return levels

    @property
    def made_levels(self) -> int:
        """How many levels there are to make, one after the other."""
        return int(self.levels.max(initial=0)) + 1

    def cuts(self, cuts: np.ndarray) -> np.ndarray:
        """The boundaries of shards with those between rows of different levels. What cannot be made is of level 0."""
        changes = np.flatnonzero(np.diff(self.levels.clip(0))) + 1
        return np.union1d(cuts, changes).astype(np.int64)

    def level(self, row: int) -> int:
        return max(0, int(self.levels[row]))

    def of(self, row: int) -> list[int]:
        """The rows that a row refers to, in its cell's order."""
        low, high = np.searchsorted(self.rows, [row, row + 1])
        found: list[int] = self.anchors[low:high].tolist()
        return found

    def can_be_made(self, row: int) -> bool:
        return bool(self.levels[row] >= 0)

    def circle(self, row: int) -> list[int]:
        """The way from a row along its anchors until it comes to a row for the second time, or ends."""
        way = [row]
        while len(way) <= MOST_LEVELS + 1:
            bad = [anchor for anchor in self.of(way[-1]) if anchor != MISSING and not self.can_be_made(anchor)]
            if not bad:
                break
            way.append(bad[0])
            if bad[0] in way[:-1]:
                break
        return way


def listed(value: Any) -> Sequence[Any]:
    """The values of a cell: a list, a JSON list as text, or one; none for an empty one."""
    if value is None or value == "":
        return []
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return [value]
    return [one for one in value if one is not None] if isinstance(value, list | tuple) else [value]


def named_rows(value: Any) -> list[str]:
    """The ids that a cell of `reference_row` names. Raises ValueError for what is no id."""
    return [row_id(one) for one in listed(value)]
