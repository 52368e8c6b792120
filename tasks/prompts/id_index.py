"""Ids that are there twice, found on disk: memory stays flat however many rows there are.

What is kept of an id is its hash and its row, 16 bytes, in as many files as there are millions of rows; equal ids come
to the same file, which is sorted in memory.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Self

import numpy as np

ROWS = 1_000_000  # of a file
_ENTRY = np.dtype([("hash", np.uint64), ("row", np.int64)])


class IdIndex:
    """The ids of all rows by hash, and names to be looked up among them.

    Args:
        rows: how many there are at most.
    """

    def __init__(self, rows: int) -> None:
        self._files = 1 + rows // ROWS

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            own, asked = (
                [stack.enter_context(tempfile.TemporaryFile(prefix="imagemill-")) for _ in range(self._files)]
                for _ in range(2)
            )
            self._own, self._asked = own, asked
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, hashes: np.ndarray, rows: np.ndarray) -> None:
        """The hashes (uint64) of the ids of rows (int64), which ascend from call to call."""
        self._append(self._own, hashes, rows)

    def ask(self, hashes: np.ndarray, numbers: np.ndarray) -> None:
        """Hashes of names that are to be looked up, and a number that each is known by (int64)."""
        self._append(self._asked, hashes, numbers)

    def _append(self, files: Sequence[IO[bytes]], hashes: np.ndarray, rows: np.ndarray) -> None:
        entries = np.empty(len(hashes), _ENTRY)
        entries["hash"], entries["row"] = hashes, rows
        places = hashes % np.uint64(self._files)
        for place in np.unique(places):
            files[int(place)].write(entries[places == place].tobytes())

    def found(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows whose id an earlier row has (int64, sorted); and (n, 2) what was asked for and is there: its number, and
        the first row of that id."""
        again, there = [np.empty(0, np.int64)], [np.empty((0, 2), np.int64)]
        for own, asked in zip(self._own, self._asked, strict=True):
            ids = _read(own)
            ids = ids[np.argsort(ids["hash"], kind="stable")]
            again.append(ids["row"][1:][ids["hash"][1:] == ids["hash"][:-1]])
            names = _read(asked)
            if len(ids) and len(names):
                places = np.minimum(np.searchsorted(ids["hash"], names["hash"]), len(ids) - 1)
                hits = ids["hash"][places] == names["hash"]
                there.append(np.stack([names["row"][hits], ids["row"][places[hits]]], 1))
        return np.sort(np.concatenate(again)), np.concatenate(there)


def _read(file: IO[bytes]) -> np.ndarray:
    file.seek(0)
    return np.frombuffer(file.read(), _ENTRY)
