"""Reprocess: an archive of pictures in, enhanced and de-identified ones out.

    imagemill reprocess s3://hospital/archive --out s3://research/run --enhance denoise:0.3

The flow lists the archive and sends shards of its files through read -> reprocess -> write, a window of them at a time.
The run folder is the checkpoint, as with render. No path within the archive, no value of a file and no message of a
library is in what Prefect gets to see: names of tasks are numbers, errors are sentences of our own.
"""

import time
from functools import partial
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.engine.artifacts import publish
from flows.engine.pending import Todo, list_todos
from flows.engine.runners import on_gpu
from flows.engine.window import carry_out, dated, opened, title
from flows.jobs.reprocess import ReprocessJob
from flows.plans.reprocess import ReprocessPlan
from flows.plans.reprocess_summary import ReprocessSummary
from flows.stages.reprocess import Setting, read_files, reprocess_files, write_files
from tasks.archive.listing import ShardOfFiles
from tasks.report.page import write_report


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
