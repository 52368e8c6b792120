"""Rows of CSV and TSV files: every cell is text, an empty one is nothing; what cannot be parsed is one bad row.

RFC 4180 has no types and no null, so `NA`, `null` and `00123` stay what they are.
"""

import csv
import re
from collections.abc import Iterator

from tasks.prompts.rows import Row, bad
from tasks.prompts.text_input import Lines, is_damaged, is_too_long
from tasks.runfolder.errors import BadInput

LONGEST_RECORD = 1 << 20  # characters between quotes, over as many lines as they take
DELIMITERS = (",", ";", "\t", "|")

csv.field_size_limit(LONGEST_RECORD)


class CsvRows:
    """The rows of a file, read once.

    Attributes:
        names: the columns, from the header.

    Raises:
        BadInput: there is no header that can be read.
    """

    def __init__(self, lines: Lines, name: str, delimiter: str | None, text_columns: tuple[str, ...]) -> None:
        self._lines = lines
        header = self._header(name)
        if delimiter is None:
            delimiter = _delimiter(header, text_columns)
        self._delimiter = delimiter
        cells = next(csv.reader([header], delimiter=delimiter))
        self.names = [cell.strip() or f"column_{i + 1}" for i, cell in enumerate(cells)]

    def _header(self, name: str) -> str:
        while (line := self._lines.next()) is not None:
            text = line[1]
            if is_damaged(text) or is_too_long(text):
                raise BadInput(f"{name}: its header (line {line[0]}) is not UTF-8 text; save it as UTF-8.")
            if text.count('"') % 2:
                raise BadInput(f"{name}: in its header (line {line[0]}) a quote is not closed; close it.")
            if text.strip():
                return text
        raise BadInput(f"{name}: there is no header; the first line of a CSV file names its columns.")

    def __iter__(self) -> Iterator[Row]:
        records = _Records(self._lines, self._delimiter)
        for number, cells in records:
            if isinstance(cells, str):
                yield bad(number, cells)
            elif records.spanned > 1 and self._is_several(records.taken):
                yield bad(number, "the quote that opens here closes in another row")
                records.rewind()
            elif len(cells) != len(self.names):
                wanted = f"{len(self.names)} column{'s' * (len(self.names) > 1)}"
                if records.spanned > 1:  # more likely a quote that opens by mistake and closes at another one
                    yield bad(number, f"the quote that opens here closes in another row; the header has {wanted}")
                    records.rewind()
                else:
                    yield bad(number, f"{len(cells)} cells, where the header has {wanted}")
            else:
                yield Row(number, {name: cell or None for name, cell in zip(self.names, cells, strict=True)})

    def _is_several(self, lines: list[tuple[int, str]]) -> bool:
        """Whether the lines of one record are rows of their own, as when each of two rows has half a pair of quotes.

        So it seems if each has all columns, and the first (or the last, where the quote opens in the first) is alike.
        """
        cells = [line.rstrip("\r\n").split(self._delimiter) for _, line in lines]
        if len(self.names) < 2 or any(len(row) != len(self.names) for row in cells):
            return False
        place = -1 if cells[0][0].startswith('"') else 0
        return len({_shape(row[place]) for row in cells}) == 1


class _Records:
    """Line number and cells of each record, or in their place what is wrong with it.

    After a record that cannot be parsed, reading goes on at the line after the one that it begins on: a quote that is
    never closed costs its own row, not all that follow.

    Attributes:
        taken: the lines of the last record, with their numbers.
    """

    def __init__(self, lines: Lines, delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self.taken: list[tuple[int, str]] = []
        self._size = 0

    @property
    def spanned(self) -> int:
        """How many lines the last record took."""
        return len(self.taken)

    def rewind(self) -> None:
        """Goes back to the second line of the last record."""
        self._lines.give_back(self.taken[1:])

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        reader = csv.reader(self._feed(), delimiter=self._delimiter, strict=True)
        while True:
            self.taken, self._size = [], 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self.taken[0][0], _reason(error, self.spanned)
                self.rewind()
                reader = csv.reader(self._feed(), delimiter=self._delimiter, strict=True)
                continue
            number = self.taken[0][0]
            if any(is_damaged(line) for _, line in self.taken):
                yield number, "not UTF-8 text"
            elif cells:
                yield number, cells

    def _feed(self) -> Iterator[str]:
        while (line := self._lines.next()) is not None:
            self.taken.append(line)
            self._size += len(line[1])
            if self._size > LONGEST_RECORD:
                raise csv.Error("too long")
            yield line[1]


def _reason(error: csv.Error, lines: int) -> str:
    told = str(error)
    if "unexpected end" in told or (lines > 1 and "too long" in told):
        return "a quote opens here and is never closed"
    if "expected after" in told:
        return "text stands after a closing quote; double the quotes that are part of a text"
    if "too long" in told or "field limit" in told:
        return f"more than {LONGEST_RECORD:,} characters in a row"
    return f"not CSV ({told})"


def _shape(cell: str) -> str:
    """What kind of thing stands in a cell: `p0012` and `q7` are alike."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", cell.strip()))


def _delimiter(header: str, text_columns: tuple[str, ...]) -> str:
    """What parts the header so that the column of text is in it; else a comma."""
    present = [delimiter for delimiter in DELIMITERS if delimiter in header]
    for delimiter in present:
        names = {name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter))}
        if names & {name.lower() for name in text_columns}:
            return delimiter
    return present[0] if present else ","
