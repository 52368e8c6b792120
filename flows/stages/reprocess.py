"""The stages of `reprocess`: plain functions of the run's setting, the pending shard and the shard's state."""

import json
from typing import Any

from flows.jobs.reprocess import ReprocessJob
from flows.lanes.named_threads import in_filter_thread
from flows.lanes.pending import PendingShard
from tasks.archive.listing import ShardOfFiles
from tasks.archive.packed import ArchiveStorage
from tasks.archive.process import Recipe, reprocess
from tasks.archive.shard_state import ArchiveShard, read, write
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.enhance.chain import Chain, enhance, parse_chain, reach
from tasks.runfolder.commit import Outcome
from tasks.runfolder.storage import Storage


class Setting:
    """What every shard of a run has in common. A plain class; as it holds the pseudonym key, it is never stored."""

    def __init__(self, job: ReprocessJob, names: Pseudonyms) -> None:
        self.job = job
        self.names = names
        self.archive = ArchiveStorage(job.archive)


def read_files(setting: Setting, pending: PendingShard[ShardOfFiles], nothing: None) -> ArchiveShard:
    """Fetches a shard's files."""
    job = setting.job
    return read(pending.shard, setting.archive, setting.names, job.keep_identity, pending.only)


def reprocess_files(setting: Setting, pending: PendingShard[ShardOfFiles], work: ArchiveShard) -> ArchiveShard:
    """Decodes, inspects, enhances and encodes the files one by one."""
    job = setting.job
    chain: Chain = parse_chain(job.enhance)

    def enhanced(pixels: Any) -> Any:
        return in_filter_thread(job.device, lambda: enhance(pixels.to(job.device), chain).cpu())

    settings = json.dumps(job.shaping(), sort_keys=True)
    recipe = Recipe(
        job.enhance_named,
        enhanced,
        reach(chain),
        setting.archive,
        Storage(job.out),
        setting.names,
        job.keep_identity,
        job.burned_in,
        settings,
        job.retain,
    )
    reprocess(work, recipe)
    return work


def write_files(setting: Setting, pending: PendingShard[ShardOfFiles], work: ArchiveShard) -> Outcome:
    """Writes the resulting files, then metadata, whose existence marks the shard as complete."""
    outcome = write(work, Storage(setting.job.out), pending.attempt)
    work.release()
    return outcome
