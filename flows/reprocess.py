"""Reprocess: an archive of pictures in, enhanced and de-identified ones out.

    imagemill reprocess s3://hospital/archive --out s3://research/run --enhance denoise:0.3

The flow lists the archive and sends shards of its files through read -> reprocess -> write, a window of them at a time.
The run folder is the checkpoint, as with render. No path within the archive, no value of a file and no message of a
library is in what Prefect gets to see: names of tasks are numbers, errors are sentences of our own.
"""

import json
import time
from functools import partial
from typing import Any

from prefect import flow, task
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows import stages
from flows.artifacts import publish
from flows.engine import carry_out, dated, opened, title
from flows.reprocess_options import ReprocessJob
from flows.reprocess_plan import ReprocessPlan
from flows.reprocess_summary import ReprocessSummary
from flows.runners import on_gpu
from flows.todo import Todo, list_todos
from tasks.archive import ShardOfFiles
from tasks.commit import Outcome
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.enhance import Chain, enhance, parse_chain, reach
from tasks.files import Files, read, write
from tasks.report import write_report
from tasks.reprocess import Recipe, reprocess
from tasks.storage import Storage


class Setting:
    """What every shard of a run has in common. A plain class, and with the key in it: nothing of it is ever stored."""

    def __init__(self, job: ReprocessJob, names: Pseudonyms) -> None:
        self.job = job
        self.names = names


@flow(name="reprocess", flow_run_name=title, persist_result=False)
def reprocess_archive(job: ReprocessJob) -> ReprocessSummary:
    """Enhances the pictures of an archive into a run folder.

    Raises:
        BadInput: the job, its archive or its output cannot be used; nothing has been written.
        StorageError: storage failed on the way; the same job again carries on.
        Stopped: more files failed than `max_failures` allows.
    """
    started = time.perf_counter()
    job = dated(job)
    with opened(job, ReprocessPlan) as (plan, out, _):
        summary = ReprocessSummary(out=out.url(), rows=plan.rows_of_this_part())
        todos = list_todos(job, plan.of_this_part, out, summary)
        begun = time.perf_counter()
        summary.seconds_start = begun - started
        carry_out(job, todos, partial(_submit, Setting(job, plan.names)), summary)
        summary.seconds_run = time.perf_counter() - begun
        if job.part[1] == 1:
            summary.look_at_studies(out)
            if job.report:
                summary.report = write_report(out)
    publish(summary)
    return summary


def _submit(setting: Setting, runner: TaskRunner[Any], todo: Todo[ShardOfFiles]) -> list[PrefectFuture[Any]]:
    """One task run a stage, each waiting for the one before it."""
    common = {"setting": setting, "shard": todo.shard}
    read = runner.submit(read_files, {**common, "only": todo.only})
    with on_gpu(setting.job):
        made = runner.submit(reprocess_files, {**common, "made": [read]})
    return [read, made, runner.submit(write_files, {**common, "made": [made], "attempt": todo.attempt})]


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
