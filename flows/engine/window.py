"""Keeps a window of shards in flight through a pipeline.

While one shard is in a model, the next is read and the previous one is encoded and uploaded. All bulk flows share this
window, its progress and its limit of failures.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from flows.engine.artifacts import ProgressArtifact
from flows.engine.joining import Joiner
from flows.engine.local_server import outlast_outages
from flows.engine.prefect_internals import forget_results
from flows.engine.progress import Progress
from flows.engine.run_folder import OpenRun
from flows.engine.summary import Summary
from flows.engine.task_runs import MOST, call_as_task, take_in_spans
from flows.jobs.render import allowed_failures
from flows.lanes.lane import Lane
from flows.lanes.pending import list_pending
from flows.lanes.pipeline import Setting, Stage, call
from flows.lanes.process_lanes import ProcessLanes
from flows.lanes.ray_lanes import RayLanes
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import Stopped
from tasks.runfolder.lock import check_locks


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
    finished, shards, pending = list_pending(job, run.plan.of_this_part, run.out, summary.add_earlier)
    joiner = None if run.claims is None else Joiner(run.plan.of_this_part, run.out, run.claims, finished, summary)
    rounds = [pending] if joiner is None else joiner.rounds()
    begun = time.perf_counter()
    summary.seconds_start = begun - run.started
    allowed = allowed_failures(job.max_failures, summary.rows)
    artifact = ProgressArtifact(summary.rows_done_before / max(1, summary.rows))

    def take(done: Outcome) -> None:
        check_locks(run.out)  # here, as lanes in other processes cannot
        summary.add(done)
        progress.advance(done.rows)
        forget_results()
        if summary.quarantined > allowed:
            raise Stopped(
                f"{summary.quarantined} rows failed, more than --max-failures {job.max_failures} allows; "
                f"`imagemill inspect {summary.out}` says why."
            )

    devices = [] if job.runner == "ray" else job.devices
    few = len(devices) == 1 and shards * len(pipeline) <= MOST
    lanes: Lane | ProcessLanes | RayLanes
    if not devices:
        lanes = RayLanes(pipeline, setting, in_turns)
    elif len(devices) == 1:
        calling = call_as_task if few else call
        lanes = Lane(pipeline, setting, calling if joiner is None else joiner.watched(calling), in_turns)
    else:
        lanes = ProcessLanes(devices, pipeline, setting, in_turns)
    outcomes = (done for pending in rounds for done in lanes.run(pending))
    with Progress(summary.rows, summary.rows_done_before, artifact) as progress, closing(outcomes):
        if few:
            for done in outcomes:
                take(done)
        else:
            take_in_spans(outcomes, shards, take)
    summary.seconds_run = time.perf_counter() - begun
