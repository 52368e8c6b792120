"""Totals of a reprocess run, including whether its studies are complete."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

from flows.engine.summary import Summary
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table

NAMED = 100  # incomplete studies listed in the summary; the quarantine has them all


class ReprocessSummary(Summary):
    """Totals of a reprocess run."""

    title: ClassVar[str] = "imagemill reprocess"
    tells_reasons: ClassVar[bool] = False  # a file's name or a header's value may stand in one
    failed: ClassVar[tuple[str, str]] = ("file was quarantined or skipped", "files were quarantined or skipped")

    studies: int = 0
    studies_incomplete: int = 0
    """Studies with a file that was quarantined (or skipped, as it is not a picture)."""
    incomplete: tuple[str, ...] = ()
    """UIDs of the first of them, as in the results."""
    duplicates: int = 0
    """Files that repeat the SOPInstanceUID of an earlier one."""

    def look_at_studies(self, storage: Storage) -> None:
        """Counts studies and repeated UIDs of the whole run; keeps 8 bytes per file and UIDs of incomplete studies."""
        studies, instances = np.empty(0, np.uint64), [np.empty(0, np.uint64)]
        for table in _tables(storage, "metadata"):
            studies = np.union1d(studies, _hashes(table["study"]))
            instances.append(_hashes(table["instance"]))
        missing: set[str] = set()
        for table in _tables(storage, "quarantine"):
            missing.update(study for study in table["study"].to_pylist() if study)
            studies = np.union1d(studies, _hashes(table["study"]))
        hashes = np.concatenate(instances)
        self.studies, self.studies_incomplete = len(studies), len(missing)
        self.incomplete = tuple(sorted(missing)[:NAMED])
        self.duplicates = len(hashes) - len(np.unique(hashes))

    def as_rows(self) -> list[tuple[str, str]]:
        rows = super().as_rows()
        rows.insert(3, ("studies", f"{self.studies:,}"))
        if self.studies_incomplete:
            rows.insert(4, ("studies incomplete", f"{self.studies_incomplete:,}"))
        if self.duplicates:
            rows.insert(5, ("files with a UID again", f"{self.duplicates:,}"))
        return rows


def _tables(storage: Storage, folder: str) -> Iterator[pa.Table]:
    for path in storage.list(folder):
        yield read_table(storage, path)


def _hashes(column: pa.ChunkedArray) -> np.ndarray:
    values = [value for value in column.to_pylist() if value]
    return pd.util.hash_array(np.array(values, dtype=object)) if values else np.empty(0, np.uint64)
