"""The plan of a reprocess job: the archive's files in shards, and which of them are left to do."""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.reprocess_options import ReprocessJob
from flows.reprocess_summary import ReprocessSummary
from flows.summary import read_outcomes
from tasks.archive import Archive, ShardOfFiles
from tasks.dicom.pseudonyms import Pseudonyms, load_pseudonyms, without_secret
from tasks.enhance import open_chain
from tasks.storage import Storage
from tasks.write import read_table, shard_names


class Todo:
    """A shard to do: all of it, or `only` some rows for the `attempt`th time."""

    def __init__(self, shard: ShardOfFiles, only: frozenset[int] | None = None, attempt: int = 1) -> None:
        self.shard = shard
        self.only = only
        self.attempt = attempt


class ReprocessPlan:
    """What a job comes to, found without reading files or writing anything."""

    def __init__(self, job: ReprocessJob, spool: Path) -> None:
        self.job = job.checked()
        self.enhance_files = open_chain(job.enhance)[1]
        self.names: Pseudonyms = without_secret() if job.keep_identity else load_pseudonyms()
        self.archive = Archive(job.archive, spool / "files.jsonl", job.shard_size, self.names)

    @classmethod
    def dry(cls, job: ReprocessJob) -> dict[str, Any]:
        """What `--dry-run` prints; nothing is written.

        Raises:
            BadInput: the job or its archive cannot be used.
        """
        with tempfile.TemporaryDirectory(prefix="imagemill-") as spool:
            plan = cls(job, Path(spool))
        return {
            "files": plan.archive.rows,
            "bytes": f"{plan.archive.bytes:,}",
            "shards": f"{plan.archive.shards} of at most {plan.archive.shard_size} files",
            "enhance": job.enhance or "nothing",
            "identities": "kept" if job.keep_identity else "removed (PS3.15 Basic Profile)",
            "burned-in text": job.burned_in,
            "output": Storage(job.out).url(),
        }

    def of_this_part(self) -> Iterator[ShardOfFiles]:
        part, parts = self.job.part
        return itertools.islice(self.archive.list_shards(), part, None, parts)

    def rows_of_this_part(self) -> int:
        return self.archive.rows if self.job.part[1] == 1 else sum(shard.rows for shard in self.of_this_part())

    def record(self) -> dict[str, Any]:
        """What `run.json` keeps beside the versions."""
        job = self.job.shaping() | ({"enhance files": self.enhance_files} if self.enhance_files else {})
        return {
            "flow": "reprocess",
            "job": job if self.job.keep_identity else {**job, "pseudonym key": self.names.check},
            "input": self.archive.fingerprint(),
            "encoder": None,
            "generator": {"name": f"reprocess {self.job.enhance}".strip(), "digest": ""},
            "shard_size": self.archive.shard_size,
            "shards": self.archive.shards,
        }

    def list_todos(self, out: Storage, summary: ReprocessSummary) -> Iterator[Todo]:
        """The shards that are not complete, or whose quarantined rows are to be tried again; the others are counted."""
        complete, quarantined = shard_names(out, "metadata"), shard_names(out, "quarantine")
        again = quarantined if self.job.retry_quarantined else set()
        earlier = {shard.name for shard in self.of_this_part()} & complete - again
        for outcome in read_outcomes(out, sorted(earlier)).values():
            summary.add_earlier(outcome)

        def todos() -> Iterator[Todo]:
            for shard in self.of_this_part():
                if shard.name not in complete:
                    yield Todo(shard)
                elif shard.name in again:
                    failed = read_table(out, f"quarantine/{shard.name}.parquet")
                    made = read_table(out, f"metadata/{shard.name}.parquet")
                    only = frozenset(failed["row"].to_pylist()) - frozenset(made["row"].to_pylist())
                    yield Todo(shard, only, 1 + max(failed["attempt"].to_pylist()))

        return todos()
