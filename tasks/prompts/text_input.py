"""Lines of a text file: decompressed and decoded, with what cannot be told from the user's mistakes named."""

import bz2
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
from charset_normalizer import from_bytes

from tasks.runfolder.errors import BadInput

LONGEST_LINE = 8 << 20  # characters: longer ones are no prompts, and would have to be held
SAMPLE = 1 << 20  # bytes that are looked at to tell an encoding
BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
ENCODINGS = {  # those that are told apart, the likelier first, and their everyday names
    "gb18030": "GBK",
    "cp1252": "Windows-1252",
    "big5": "Big5",
    "shift_jis": "Shift JIS",
    "euc_kr": "EUC-KR",
    "cp1251": "Windows-1251",
}
SHARE_OF_ANOTHER = 0.05  # of the lines: fewer that are not UTF-8 are damage, each costs its row
_WESTERN = re.compile("[À-ÖØ-Üà-öø-üßŒœŸ“”‘’„‚–—…€£©®°«»¡¿·\xa0]*")


@contextmanager
def decompressed(file: IO[bytes], compression: str | None, name: str) -> Iterator[Any]:
    """The content of a file that may be compressed.

    Raises:
        BadInput: it cannot be decompressed.
    """
    try:
        if compression == "gzip":
            yield gzip.GzipFile(fileobj=file)
        elif compression == "bz2":
            yield bz2.BZ2File(file)
        elif compression == "zstd":
            yield pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
        else:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error, pa.ArrowException) as error:
        raise BadInput(f"{name}: cannot be decompressed ({error}); write it again.") from error
    except OSError as error:
        if compression is None or error.errno is not None:
            raise
        raise BadInput(f"{name}: cannot be decompressed ({error}); write it again.") from error


def encoding_of(sample: bytes, name: str) -> str:
    """The encoding of a text file, from its first bytes.

    Raises:
        BadInput: it is in one that only a guess could read.
    """
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample[:1000]:
        even, odd = sample[:1000:2].count(0), sample[1:1000:2].count(0)
        if max(even, odd) > 8 * min(even, odd) and max(even, odd) * 8 > len(sample[:1000]):
            return "utf-16-be" if even > odd else "utf-16-le"
    guess = likely_encoding(sample)
    if guess is not None:
        raise BadInput(f"{name}: its text is not UTF-8 but looks like {guess}; save it as UTF-8.")
    return "utf-8"


def likely_encoding(sample: bytes) -> str | None:
    """What text that is not UTF-8 seems to be in; None for UTF-8, a few damaged lines of it, and what is unlikely."""
    lines = sample.splitlines()
    damaged = [line for line in lines if not _is_utf8(line)]
    if not sample.endswith((b"\n", b"\r")) and len(sample) >= SAMPLE and damaged and damaged[-1] is lines[-1]:
        damaged.pop()  # cut within a character
    others = [line for line in lines if not line.isascii() and _is_utf8(line)]
    if not damaged or others or len(damaged) < SHARE_OF_ANOTHER * len(lines):
        return None
    content = b"\n".join(damaged)
    found = [match.encoding for match in from_bytes(content, cp_isolation=list(ENCODINGS)) if _plausible(match)]
    names = [ENCODINGS[encoding] for encoding in ENCODINGS if encoding in found]
    return " or ".join(names[:2]) or None


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _plausible(match: object) -> bool:
    encoding, text = match.encoding, str(match)  # type: ignore[attr-defined]
    if encoding == "cp1252":
        return all(char.isascii() or _WESTERN.fullmatch(char) for char in text)
    if encoding == "cp1251":
        return bool(re.search("[А-Яа-яЁё]{3}", text))
    return True


class Lines:
    """The lines of a text file, counted; a line may be given back to be read again.

    Text that is not UTF-8 comes as surrogate escapes: see `is_damaged`.
    """

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
        self._text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        self._returned: list[tuple[int, str]] = []
        self.number = 0

    def next(self) -> tuple[int, str] | None:
        """Number (from 1) and text of the next line with its end; None after the last.

        A line that is too long comes cut, without its end.
        """
        if self._returned:
            return self._returned.pop()
        line = self._text.readline(LONGEST_LINE)
        if not line:
            return None
        self.number += 1
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            while (rest := self._text.readline(LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
                pass
        return self.number, line

    def read(self, size: int) -> str:
        """The next characters, whatever lines they are in."""
        return self._text.read(size)

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        self._returned += reversed(lines)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while (line := self.next()) is not None:
            yield line


def is_too_long(line: str) -> bool:
    return len(line) >= LONGEST_LINE


def is_damaged(line: str) -> bool:
    """Whether a line holds bytes that are not UTF-8."""
    return not line.isascii() and bool(re.search("[\udc80-\udcff]", line))
