"""Seeks many identifiers in bytes at once (Aho-Corasick), in every encoding in which they may stand there.

What cannot be told from other text is not sought, but counted: what is short, and what imagemill's own page or the
standard's dictionary say by themselves. Among compressed pixels, where any few bytes turn up by chance, identifiers of
few bytes are not sought either; in texts they are.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from unicodedata import normalize

from ahocorasick_rs import BytesAhoCorasick
from pydicom.datadict import DicomDictionary
from pydicom.uid import UID_dictionary

from tasks.verification.identifiers import Identifier

ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "gb18030", "shift_jis", "euc_jp", "euc_kr", "koi8_r")
SHORT, SHORT_NUMBER, SHORT_IN_PIXELS = 4, 6, 8  # ASCII characters, digits, bytes
LOOKALIKE = str.maketrans("oil|", "0111")


class Search:
    """The identifiers of an archive, to be sought in the results.

    Attributes:
        count: how many different ones are sought.
        indistinct: how many are not, by element.
        rows, elements: of each identifier, by its number, the source rows and the element that tell it.
        dates: the numbers of those that are dates.
    """

    def __init__(self, found: dict[Identifier, list[int]]) -> None:
        """`found`: the rows of the archive that tell each identifier."""
        self.indistinct: Counter[str] = Counter()
        self.rows: list[list[int]] = []
        self.elements: list[str] = []
        self.dates: set[int] = set()
        patterns: dict[bytes, list[int]] = {}
        read: dict[str, list[int]] = {}
        values: set[str] = set()
        for identifier, rows in found.items():
            if not _distinct(identifier):
                self.indistinct[identifier.element] += 1
                continue
            number = len(self.rows)
            self.rows.append(rows)
            self.elements.append(identifier.element)
            if identifier.is_date:
                self.dates.add(number)
            values.add(identifier.text)
            for pattern in _encoded(identifier):
                patterns.setdefault(pattern, []).append(number)
            read.setdefault(as_read(identifier.text), []).append(number)
        self.count = len(values)
        self._patterns = list(patterns)
        self._numbers = list(patterns.values())
        self._automaton = BytesAhoCorasick(self._patterns) if patterns else None
        read.pop("", None)
        self._reader = BytesAhoCorasick([text.encode() for text in read]) if read else None
        self._read_numbers = list(read.values())

    def occur(self, data: bytes, pixels: bool = False) -> Iterator[int]:
        """The numbers of the identifiers that stand in bytes; `pixels`: they may be compressed."""
        if self._automaton is None:
            return
        lowered = data.lower()
        for index, start, end in self._automaton.find_matches_as_indexes(lowered, overlapping=True):
            pattern = self._patterns[index]
            if pixels and len(pattern) < SHORT_IN_PIXELS:
                continue
            if pattern.isdigit() and (lowered[start - 1 : start].isdigit() or lowered[end : end + 1].isdigit()):
                continue  # a part of a longer number
            yield from self._numbers[index]

    def occur_read(self, text: str) -> Iterator[int]:
        """The numbers of the identifiers in a line that was read from pixels; what looks alike counts as the same."""
        if self._reader is not None:
            for index, _, _ in self._reader.find_matches_as_indexes(as_read(text).encode(), overlapping=True):
                yield from self._read_numbers[index]


def as_read(text: str) -> str:
    """A text without what a reader of pixels mistakes: case, spaces, marks, `O` and 0, `l` and 1."""
    folded = normalize("NFKD", text).casefold()
    return "".join(sign for sign in folded if sign.isalnum()).translate(LOOKALIKE)


def _distinct(identifier: Identifier) -> bool:
    text = identifier.text.strip()
    if text.isascii() and (len(text) < SHORT or (text.isdigit() and len(text) < SHORT_NUMBER)):
        return False
    return len(text) > 1 and text.lower() not in _own_words()


def _encoded(identifier: Identifier) -> set[bytes]:
    text = identifier.text
    forms = {text, normalize("NFC", text), normalize("NFD", text)}
    if not identifier.whole:
        forms |= {change(form) for form in set(forms) for change in (str.lower, str.upper, str.title, str.casefold)}
    made = set()
    for form in forms:
        for encoding in ENCODINGS:
            try:
                made.add(form.encode(encoding).lower())
            except UnicodeEncodeError:
                continue
    return {pattern for pattern in made if len(pattern) >= SHORT}


@cache
def _own_words() -> str:
    """What the page and the standard say of themselves, lower case."""
    parts = [part for folder in ("", "gallery") for part in files("tasks.report").joinpath(folder).iterdir()]
    page = [part.read_text("utf-8") for part in parts if part.name.endswith((".html", ".css", ".js"))]
    standard = [f"{entry[2]} {entry[4]}" for entry in DicomDictionary.values()]
    classes = [f"{uid} {' '.join(map(str, entry))}" for uid, entry in UID_dictionary.items()]
    return re.sub(r"\s+", " ", "\n".join([*page, *standard, *classes]).lower())
