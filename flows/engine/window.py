"""Keeps a window of shards in flight through a pipeline.

While one shard is in a model, the next is read and the previous one is encoded and uploaded. All bulk flows share this
window, its progress and its limit of failures.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from flows.engine.artifacts import ProgressArtifact
from flows.engine.lane import Lane
from flows.engine.local_server import outlast_outages
from flows.engine.pending import PendingShard, list_pending
from flows.engine.pipeline import Setting, Stage
from flows.engine.prefect_internals import forget_results
from flows.engine.progress import Progress
from flows.engine.run_folder import OpenRun
from flows.engine.summary import Summary
from flows.engine.task_runs import call_as_task
from flows.jobs.render import allowed_failures
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import Stopped


def carry_out(
    pipeline: Sequence[Stage], setting: Setting, run: OpenRun[Any], summary: Summary, in_turns: bool = False
) -> None:
    """Does all pending shards, shows progress and counts them in `summary`.

    Args:
        in_turns: the models don't fit the device's memory together; see `Lane`.

    Raises:
        Stopped: more rows failed than `max_failures` allows, or another run has taken the folder.
        Exception: whatever a stage raises; the shards in flight are waited for and count if they complete.
    """
    outlast_outages()
    job = setting.job
    pending = list_pending(job, run.plan.of_this_part, run.out, summary)
    begun = time.perf_counter()
    summary.seconds_start = begun - run.started
    allowed = allowed_failures(job.max_failures, summary.rows)
    artifact = ProgressArtifact(summary.rows_done_before / max(1, summary.rows))
    with Progress(summary.rows, summary.rows_done_before, artifact) as progress:
        for done in _outcomes(pipeline, setting, pending, in_turns):
            run.lock.check()  # here, as stages in other processes cannot
            summary.add(done)
            progress.advance(done.rows)
            if summary.quarantined > allowed:
                raise Stopped(
                    f"{summary.quarantined} rows failed, more than --max-failures {job.max_failures} allows; "
                    f"`imagemill inspect {summary.out}` says why."
                )
    summary.seconds_run = time.perf_counter() - begun


def _outcomes(
    pipeline: Sequence[Stage], setting: Setting, pending: Iterator[PendingShard[Any]], in_turns: bool
) -> Iterator[Outcome]:
    """The outcome of each shard, as they complete."""
    for outcome in Lane(pipeline, setting, call_as_task, in_turns).run(pending):
        yield outcome
        forget_results()
