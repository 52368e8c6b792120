"""The grid: every product for every audience, placement and language, or these side by side; and the ads' names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from tasks.campaign.wording import columns_of, fill_in
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filenames import file_name, folded

Combine = Literal["grid", "zip"]
AXES = ("product", "audience", "placement", "language")


@dataclass(frozen=True)
class Cell:
    """An ad: its number, and those of its product (a row of the table), audience, placement and language."""

    row: int
    product: int
    audience: int
    placement: int
    language: int


@dataclass(frozen=True)
class Grid:
    """How many there are of each, and how they combine. Products come first, so that ads of one are side by side."""

    products: int
    audiences: int
    placements: int
    languages: int
    combine: Combine = "grid"

    @property
    def rows(self) -> int:
        if self.combine == "zip":
            return max(self.counts)
        return self.products * self.audiences * self.placements * self.languages

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.products, self.audiences, self.placements, self.languages

    def check(self) -> None:
        """Raises BadInput if they cannot be taken side by side."""
        odd = {count for count in self.counts if count > 1}
        if self.combine == "zip" and len(odd) > 1:
            told = ", ".join(f"{count} {axis}s" for axis, count in zip(AXES, self.counts, strict=True))
            raise BadInput(f"combine: zip takes as many of each, or one; there are {told}.")

    def cell(self, row: int) -> Cell:
        if self.combine == "zip":
            return Cell(row, *(min(row, count - 1) for count in self.counts))
        rest, language = divmod(row, self.languages)
        rest, placement = divmod(rest, self.placements)
        product, audience = divmod(rest, self.audiences)
        return Cell(row, product, audience, placement, language)


def ad_name(pattern: str, values: Mapping[str, str]) -> str:
    """The name of an ad's file, without its suffix. Raises ValueError if a column of the pattern has no value."""
    return file_name(fill_in(pattern, values))


def check_pattern(pattern: str, grid: Grid, known: Sequence[str]) -> None:
    """Raises BadInput if a pattern names a column that there is not, or cannot tell ads apart."""
    named = columns_of(pattern)
    for column in named:
        if column not in known:
            raise BadInput(f"names: there is no column {column!r}; take {', '.join(known)}.")
    if grid.combine == "grid":
        for axis, count in zip(AXES[1:], grid.counts[1:], strict=True):
            if count > 1 and axis not in named:
                raise BadInput(f"names: {pattern!r} gives all {count} {axis}s one name; add {{{{{axis}}}}}.")


def check_unique(names: Iterable[str]) -> None:
    """Raises BadInput if two ads have one name, also on file systems that ignore case. Keeps 8 bytes a name."""
    hashes = np.concatenate([np.empty(0, np.uint64), *_hashed(names)])
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(np.diff(hashes[order]) == 0)
    if len(same):
        first, second = sorted(int(row) for row in order[same[0] : same[0] + 2])
        raise BadInput(f"names: ads {first} and {second} would have the same name; put more columns into the pattern.")


def _hashed(names: Iterable[str]) -> Iterator[np.ndarray]:
    batch: list[str] = []
    for name in names:
        batch.append(folded(name))
        if len(batch) == 65_536:
            yield pd.util.hash_array(np.array(batch, dtype=object))
            batch = []
    if batch:
        yield pd.util.hash_array(np.array(batch, dtype=object))


def as_text(value: Any) -> str:
    """A value of the product table as copy has it."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def copy_in(language: str, row: Mapping[str, str], columns: Iterable[str]) -> dict[str, str]:
    """The copy of a product in a language: of `headline`, `headline_zh-Hant`, else `headline_zh`, else `headline`."""
    return {column: row.get(copy_column(column, language, row), "") for column in columns}


def copy_column(column: str, language: str, known: Iterable[str]) -> str:
    """The column that holds a copy in a language."""
    candidates = (f"{column}_{language}", f"{column}_{language.split('-', maxsplit=1)[0]}", column)
    return next((name for name in candidates if name in known), column)
