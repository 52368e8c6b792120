"""The plan of a reprocess job: the archive's files in shards."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.jobs.reprocess import ReprocessJob
from tasks.archive.listing import Archive, ShardOfFiles
from tasks.dicom.pseudonyms import Pseudonyms, load_pseudonyms, without_secret
from tasks.enhance.chain import open_chain
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import read_record, versions
from tasks.runfolder.storage import Storage


class ReprocessPlan:
    """What a job has to do, planned without reading files or writing anywhere but to `spool`.

    Raises:
        BadInput: the job or its archive cannot be used.
    """

    def __init__(self, job: ReprocessJob, spool: Path) -> None:
        self.job = job.checked()
        self.enhance_files = open_chain(job.enhance)[1]
        self.names: Pseudonyms = without_secret() if job.keep_identity else load_pseudonyms()
        self.archive = Archive(job.archive, spool, job.shard_size, self.names)

    def carry_on(self, record: Mapping[str, Any]) -> None:
        """Takes over the shards of the run in the folder; --shard-size may differ by now."""
        self.archive.shard_size, self.archive.shards = record["shard_size"], record["shards"]

    def described(self) -> dict[str, Any]:
        """What `--dry-run` prints."""
        job, archive = self.job, self.archive
        return {
            "files": archive.rows,
            "bytes": f"{archive.bytes:,}",
            "shards": f"{archive.shards} of at most {archive.shard_size} files",
            "enhance": job.enhance_named or "nothing",
            "identities": "kept" if job.keep_identity else "removed (PS3.15 Basic Profile)",
            "retained": ", ".join(job.retain) or "nothing more",
            "burned-in text": job.burned_in,
            "output": Storage(job.out).url(),
        }

    def of_this_part(self) -> Iterator[ShardOfFiles]:
        part, parts = self.job.part
        return itertools.islice(self.archive.list_shards(), part, None, parts)

    def rows_of_this_part(self) -> int:
        return self.archive.rows if self.job.part[1] == 1 else sum(shard.rows for shard in self.of_this_part())

    def record(self) -> dict[str, Any]:
        """The content of `run.json`."""
        job = self.job.shaping() | ({"enhance files": self.enhance_files} if self.enhance_files else {})
        return {
            "flow": "reprocess",
            "job": job if self.job.keep_identity else {**job, "pseudonym key": self.names.check},
            "input": self.archive.fingerprint(),
            "encoder": None,
            "generator": {"name": f"reprocess {self.job.enhance_named}".strip(), "digest": ""},
            "shard_size": self.archive.shard_size,
            "shards": self.archive.shards,
            "versions": versions(),
        }


def as_reprocessed(archive: str, run: str, spool: Path) -> Archive:
    """The archive from which a run was made.

    Raises:
        BadInput: there is no such run, its key for pseudonyms is not at hand, or the archive is another by now.
    """
    record = read_record(Storage(run))
    if record is None or record.get("flow") != "reprocess":
        raise BadInput(f"--run {run}: there is no run of `imagemill reprocess`; name its --out.")
    known = record["job"].get("pseudonym key")
    names = without_secret() if known is None else load_pseudonyms()
    if known not in {None, names.check}:
        raise BadInput(f"--run {run}: made with another key for pseudonyms; set the one it was made with.")
    found = Archive(archive, spool, None, names)
    if found.fingerprint() != record["input"]:
        raise BadInput(
            f"{archive}: not as the run {run} found it ({record['input'].get('rows')} files then, {found.rows} now), "
            "so its rows may be other files; give the archive as it was."
        )
    return found
