"""The stages of `reprocess` as Prefect tasks."""

import json
from typing import Any

from prefect import task

from flows.jobs.reprocess import ReprocessJob
from flows.stages import render as stages
from tasks.archive.listing import ShardOfFiles
from tasks.archive.process import Recipe, reprocess
from tasks.archive.shard_state import Files, read, write
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.enhance.chain import Chain, enhance, parse_chain, reach
from tasks.runfolder.commit import Outcome
from tasks.runfolder.storage import Storage


class Setting:
    """What every shard of a run has in common. A plain class, and with the key in it: nothing of it is ever stored."""

    def __init__(self, job: ReprocessJob, names: Pseudonyms) -> None:
        self.job = job
        self.names = names


@task(name="read", task_run_name="read {shard.name}", **stages.STORED)
def read_files(setting: Setting, shard: ShardOfFiles, only: frozenset[int] | None) -> Files:
    job = setting.job
    return read(shard, Storage(job.archive), setting.names, job.keep_identity, only)


@task(name="reprocess", task_run_name="reprocess {shard.name}", **stages.QUICK)
def reprocess_files(setting: Setting, shard: ShardOfFiles, made: stages.Made[Files]) -> Files:
    (work,) = made
    job = setting.job
    chain: Chain = parse_chain(job.enhance)

    def enhanced(pixels: Any) -> Any:
        return stages.in_device_thread(job.device, lambda: enhance(pixels.to(job.device), chain).cpu())

    settings = json.dumps(job.shaping(), sort_keys=True)
    places = (Storage(job.archive), Storage(job.out))
    recipe = Recipe(
        job.enhance, enhanced, reach(chain), *places, setting.names, job.keep_identity, job.burned_in, settings
    )
    reprocess(work, recipe)
    return work


@task(name="write", task_run_name="write {shard.name}", **stages.STORED)
def write_files(setting: Setting, shard: ShardOfFiles, made: stages.Made[Files], attempt: int) -> Outcome:
    (work,) = made
    outcome = write(work, Storage(setting.job.out), attempt)
    work.release()
    return outcome
