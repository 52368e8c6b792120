"""Keeps a window of shards in flight through a pipeline.

While one shard is in a model, the next is read and the previous one is encoded and uploaded. All bulk flows share this
window, its progress and its limit of failures.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from prefect.futures import PrefectFuture

from flows.engine.artifacts import ProgressArtifact
from flows.engine.local_server import outlast_outages
from flows.engine.pending import PendingShard, list_pending
from flows.engine.pipeline import Setting, Stage, Submitter
from flows.engine.prefect_internals import forget_results
from flows.engine.progress import Progress
from flows.engine.run_folder import OpenRun
from flows.engine.runners import started
from flows.engine.summary import Summary
from flows.jobs.render import allowed_failures
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import Stopped


def carry_out(
    pipeline: Sequence[Stage], setting: Setting, run: OpenRun[Any], summary: Summary, in_turns: bool = False
) -> None:
    """Does all pending shards, shows progress and counts them in `summary`.

    Args:
        in_turns: the models don't fit the device's memory together; see `Submitter`.

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
    """The outcome of each shard, in order."""
    window, stages = setting.job.window, [stage for stage in pipeline if stage.when(setting)]
    at_once = window if in_turns else 1
    in_flight: deque[list[PrefectFuture[Any]]] = deque()
    with started(setting.job, len(stages)) as runner:  # the job's own, so that a deployment can choose it too
        submitter = Submitter(stages, setting, runner, in_turns)
        try:
            while shards := list(islice(pending, at_once)):
                in_flight += submitter.submit(shards)
                while len(in_flight) >= window:
                    yield _outcome(in_flight.popleft())
                forget_results()
            while in_flight:
                yield _outcome(in_flight.popleft())
        finally:
            for futures in in_flight:  # the run stops early: stages that have started finish
                futures[-1].wait()


def _outcome(futures: list[PrefectFuture[Any]]) -> Outcome:
    """What the last stage returned; if a stage failed, raises the error of the first that did."""
    try:
        outcome: Outcome = futures[-1].result()
        return outcome
    except Exception:
        for future in futures:  # only now: on a cluster each result would be copied here with the shard's pictures
            future.result()
        raise
