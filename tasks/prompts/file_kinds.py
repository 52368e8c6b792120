"""Formats of prompt files, and the files that were found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["parquet", "csv", "tsv", "jsonl", "json", "txt", "stream", "text"]
"""Format of a file; `stream`: a pipe, whose first line tells; `text`: the prompt itself, not a file."""

SUFFIXES: dict[str, Kind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".txt": "txt",
}
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}


@dataclass(frozen=True)
class PromptFile:
    """One file of prompts.

    Attributes:
        url: what opens it; the text itself where `kind` is `text`.
        label: its path below the folder or glob that was given.
        columns: what folders named `column=value` say of all its rows, as Hive and Spark write them.
    """

    url: str
    label: str
    kind: Kind
    compression: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """The files to take, in the order of their paths; `several`: a folder or glob was given, not one file."""

    files: tuple[PromptFile, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    several: bool = False

    @cached_property
    def reasons(self) -> dict[str, int]:
        """How many files were left out, by reason."""
        counts: dict[str, int] = {}
        for _, reason in self.left_out:
            counts[reason] = counts.get(reason, 0) + 1
        return counts


def kind_of(name: str) -> tuple[Kind | None, str | None]:
    """Format and compression, by the name's suffixes."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    compression = COMPRESSED.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None, compression
