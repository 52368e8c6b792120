"""Carries out a bulk flow: gives the pending shards to lanes, shows progress, and stops at the limit of failures."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any

from flows.engine.artifacts import ProgressArtifact
from flows.engine.joining import Joiner
from flows.engine.local_server import outlast_outages
from flows.engine.metrics import ELSEWHERE, Metrics, exported
from flows.engine.prefect_internals import forget_results
from flows.engine.progress import Progress
from flows.engine.run_folder import OpenRun
from flows.engine.run_log import tell_end, tell_new_reasons, tell_start
from flows.engine.summary import Summary
from flows.engine.task_runs import MOST, call_as_task, take_in_spans
from flows.jobs.render import allowed_failures
from flows.lanes.lane import Lane
from flows.lanes.patience import listening, outlasting, retries
from flows.lanes.pending import ToDo
from flows.lanes.pipeline import Call, Setting, Stage, call
from flows.lanes.process_lanes import ProcessLanes
from flows.lanes.ray_lanes import RayLanes
from tasks.runfolder.commit import Outcome
from tasks.runfolder.costs import add_cost, estimated_seconds
from tasks.runfolder.errors import Stopped
from tasks.runfolder.lock import check_locks
from tasks.runfolder.storage import StorageError


def carry_out(
    pipeline: Sequence[Stage],
    setting: Setting,
    run: OpenRun[Any],
    summary: Summary,
    in_turns: bool = False,
    batch_size: Callable[[], int] | None = None,
    rounds: Sequence[Callable[[], Iterator[Any]]] = (),
) -> None:
    """Does all pending shards, shows progress and counts them in `summary`.

    Args:
        in_turns: the models don't fit the device's memory together; see `Lane`.
        batch_size: tells the batch size as it is by now, for the metrics.
        rounds: iterate over the shards that are given out together; each round when those before are complete. By
            default all shards are one.

    Raises:
        Stopped: more rows failed than `max_failures` allows, or another run has taken the folder.
        Exception: whatever a stage raises; the shards in flight are waited for and count if they complete.
    """
    outlast_outages()
    retried = retries()
    job = setting.job
    to_do = ToDo(job, run.plan.of_this_part, run.out, summary.add_earlier)
    shards = to_do.left
    rounds = rounds or [run.plan.of_this_part]
    joiner = None if run.claims is None else Joiner(rounds, run.out, run.claims, to_do.finished, summary, job.patience)
    given = (to_do.of(each()) for each in rounds) if joiner is None else joiner.rounds()
    begun = time.perf_counter()
    summary.seconds_start = begun - run.started
    allowed = allowed_failures(job.max_failures, summary.rows)
    tell_start(summary, shards)
    told_reasons: set[str] = set()
    artifact = ProgressArtifact(summary.rows_done_before / max(1, summary.rows), place=summary.out)

    def take(done: Outcome) -> None:
        outlasting(partial(check_locks, run.out), job.patience)  # here, as lanes in other processes cannot
        summary.add(done)
        to_do.folding.add(done.shard)
        progress.advance(done.rows)
        metrics.add(done, progress.seconds_left)
        if elsewhere:
            metrics.queue(ELSEWHERE, -1)
        export()
        forget_results()
        if summary.tells_reasons:
            tell_new_reasons(told_reasons, done.reasons)
        if summary.quarantined > allowed:
            raise Stopped(
                f"{summary.quarantined} rows failed, more than --max-failures {job.max_failures} allows; "
                f"`imagemill inspect {summary.out}` says why."
            )

    few = job.runner == "threads" and len(job.devices) == 1 and shards * len(pipeline) <= MOST
    metrics = Metrics(len(job.devices) if job.runner == "threads" else None, batch_size)
    calling = metrics.watched(call_as_task if few else call)
    lanes = _lanes(pipeline, setting, calling if joiner is None else joiner.watched(calling), in_turns)
    if elsewhere := not isinstance(lanes, Lane):
        outcomes = lanes.run(map(metrics.given_out, given))
    else:
        outcomes = (done for each in given for done in lanes.run(each))
    with (
        _costing(run, summary, begun),
        listening(artifact.note),
        exported(metrics, job) as export,
        Progress(summary.rows, summary.rows_done_before, artifact) as progress,
        closing(outcomes),
    ):
        if few:
            for done in outcomes:
                take(done)
        else:
            take_in_spans(outcomes, shards, take)
    alone = job.part[1] == 1 and joiner is None and not summary.rows_done_before
    summary.estimated_seconds = estimated_seconds(run.out) if alone else None
    tell_end(summary, retries() - retried)


@contextmanager
def _costing(run: OpenRun[Any], summary: Summary, begun: float) -> Iterator[None]:
    """Takes the time, and records what it cost even where the run fails."""
    summary.price_per_hour = run.plan.job.price_per_hour
    try:
        yield
    finally:
        summary.seconds_run = time.perf_counter() - begun
        if summary.price_per_hour is not None:
            with suppress(StorageError):  # the store is away, for which the run has a sentence of its own
                add_cost(run.out, summary.seconds_in_all, summary.price_per_hour, summary.pictures_made)


def _lanes(
    pipeline: Sequence[Stage], setting: Setting, calling: Call, in_turns: bool
) -> Lane | ProcessLanes | RayLanes:
    """Where the shards go: a lane in this process, which calls stages by `calling`, or lanes in others."""
    job = setting.job
    if job.runner == "ray":
        return RayLanes(pipeline, setting, in_turns)
    if len(job.devices) > 1:
        return ProcessLanes(job.devices, pipeline, setting, in_turns)
    return Lane(pipeline, setting, calling, in_turns)
