"""Input: the files of prompts that a run takes, as one sequence of rows."""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import pyarrow as pa

SOURCE_FILE = "source_file"  # where there are several files: which one a row is from
NAMED = 1000  # files whose digests are kept by name


@dataclass(frozen=True)
class Source:
    """One Parquet file of prompts.

    Attributes:
        url: what opens it; of prompts in another format, the file in the spool.
        bytes, fingerprint: of what was given.
        name: what was given, for messages.
        label: its path below the folder or glob that was given.
        columns: what all its rows have in columns that are not in the file.
        has_lines: the file says on which line of `name` a row stood, and what could not be read of it.
    """

    url: str
    rows: int
    bytes: int
    fingerprint: str
    name: str = ""
    label: str = ""
    columns: tuple[tuple[str, str | None], ...] = ()
    has_lines: bool = False


@dataclass(frozen=True)
class Input:
    """The whole input.

    Attributes:
        schema: the columns of every row, whichever file it is in.
        text_column: the one that holds the text.
        left_out: files that were found and not taken: how many, by reason.
    """

    sources: tuple[Source, ...]
    schema: pa.Schema
    text_column: str
    left_out: dict[str, int] = field(default_factory=dict)

    @cached_property
    def starts(self) -> list[int]:
        """The place of each source's first row within the whole input, and the end."""
        return [0, *accumulate(source.rows for source in self.sources)]

    @property
    def rows(self) -> int:
        return self.starts[-1]

    @property
    def bytes(self) -> int:
        return sum(source.bytes for source in self.sources)

    def parts(self, row: int, rows: int) -> list[tuple[Source, int, int]]:
        """The sources that hold these rows: each with its first row (within the source) and how many."""
        found = []
        number = bisect_right(self.starts, row) - 1
        while rows > 0:
            start = row - self.starts[number]
            count = min(rows, self.sources[number].rows - start)
            if count:
                found.append((self.sources[number], start, count))
            row, rows, number = row + count, rows - count, number + 1
        return found

    def digests(self) -> dict[str, str]:
        """What `run.json` keeps to name the files that changed: a short digest by name, of the first thousand."""
        first = self.sources[:NAMED]
        return {source.label: hashlib.sha256(source.fingerprint.encode()).hexdigest()[:16] for source in first}

    def without_source_files(self) -> "Input":
        """The input as runs had it before rows said which file they are from."""
        added = [(SOURCE_FILE, source.label) in source.columns for source in self.sources]
        if not all(added):
            return self
        sources = tuple(replace(source, columns=source.columns[:-1]) for source in self.sources)
        return replace(self, sources=sources, schema=pa.schema([f for f in self.schema if f.name != SOURCE_FILE]))

    def fingerprint(self) -> dict[str, Any]:
        """What `run.json` keeps, to know the input again."""
        digest = hashlib.sha256("".join(source.fingerprint for source in self.sources).encode()).hexdigest()
        return {"files": len(self.sources), "rows": self.rows, "bytes": self.bytes, "sha256": digest}
