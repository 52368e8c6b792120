"""The engine under the flows that work in bulk: shards through their stages, a window of them at a time.

While one shard is in a model, the next is read and the last is encoded and uploaded. A flow brings its plan and
`submit`, which sends one shard through its stages; how the run folder is opened, what is in flight, how far the run is
and when it must stop are the same for all.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner

from flows.engine.artifacts import ProgressArtifact
from flows.engine.progress import Progress
from flows.engine.runners import started
from flows.engine.summary import Summary
from flows.jobs.render import RenderJob, RunOptions, allowed_failures
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import BadInput, Stopped
from tasks.runfolder.lock import locked
from tasks.runfolder.record import open_record
from tasks.runfolder.storage import Storage, StorageError

if TYPE_CHECKING:  # a flow imports its own job; this one's options bring OpenCV
    from flows.jobs.reprocess import ReprocessJob

Todo = TypeVar("Todo")
Submit = Callable[[TaskRunner[Any], Todo], list[PrefectFuture[Any]]]
"""Sends a shard on its way: a future for every stage, the last one's result is the shard's `Outcome`."""


SubmitAll = Callable[[TaskRunner[Any], list[Todo]], list[list[PrefectFuture[Any]]]]
"""Sends a window of shards on its way, for a flow whose shards wait for each other."""


class AnyPlan(Protocol):
    """What a job comes to."""

    def record(self) -> dict[str, Any]: ...

    def carry_on(self, record: Mapping[str, Any]) -> None: ...


Job = TypeVar("Job", RenderJob, "ReprocessJob")
Plan = TypeVar("Plan", bound=AnyPlan)


def title() -> str:
    """Of the flow run, as Prefect shows it."""
    return dated(flow_run.parameters["job"]).title


def dated(job: Job) -> Job:
    """The day is the one that the run was scheduled for: tried again on the next, it carries on in its own folder."""
    return job.dated(flow_run.scheduled_start_time.astimezone(UTC))


@contextmanager
def opened(job: Job, make_plan: Callable[[Job, Path], Plan]) -> Iterator[tuple[Plan, Storage, dict[str, Any]]]:
    """The job's plan and its run folder, locked, with the record that is in it: this run's or an earlier one's.

    Args:
        make_plan: makes the plan; it may keep files in the folder it is given, until the run ends.

    Raises:
        BadInput: the job, its input or its output cannot be used; nothing has been written.
        StorageError: storage failed in a way that may mend itself.
    """
    out = Storage(job.out)
    with ExitStack() as stack:
        spool = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imagemill-")))
        try:
            plan = make_plan(job, spool)
            stack.enter_context(locked(out, job.lock_name))
            record = open_record(out, plan.record(), job.resume)
            plan.carry_on(record)
        except StorageError as error:
            raise BadInput(str(error)) if error.mendable else error from error
        yield plan, out, record


def carry_out(
    job: RunOptions,
    todos: Iterator[Todo],
    submit: Submit[Todo],
    summary: Summary,
    submit_window: SubmitAll[Todo] | None = None,
) -> None:
    """Does all shards and counts them in `summary`, showing how far the run is.

    Args:
        submit_window: takes the place of `submit` where a whole window of shards is to be sent at once.

    Raises:
        Stopped: more rows failed than `max_failures` allows.
        Exception: whatever a stage raises; the shards in flight are waited for, and count where they got complete.
    """
    allowed = allowed_failures(job.max_failures, summary.rows)
    artifact = ProgressArtifact(summary.rows_done_before / max(1, summary.rows))
    with Progress(summary.rows, summary.rows_done_before, artifact) as progress:
        for done in _outcomes(job, todos, submit, submit_window):
            summary.add(done)
            progress.advance(done.rows)
            if summary.quarantined > allowed:
                raise Stopped(
                    f"{summary.quarantined} rows failed, more than --max-failures {job.max_failures} allows; "
                    f"`imagemill inspect {summary.out}` says why."
                )


def _outcomes(
    job: RunOptions, todos: Iterator[Todo], submit: Submit[Todo], submit_window: SubmitAll[Todo] | None
) -> Iterator[Outcome]:
    """What each shard came to, in order."""
    in_flight: deque[list[PrefectFuture[Any]]] = deque()
    with started(job) as runner:  # the job's own, so that a deployment can choose it too
        try:
            while window := list(islice(todos, 1 if submit_window is None else job.window)):
                in_flight += [submit(runner, window[0])] if submit_window is None else submit_window(runner, window)
                while len(in_flight) >= job.window:
                    yield _outcome(in_flight.popleft())
                _forget_results()
            while in_flight:
                yield _outcome(in_flight.popleft())
        finally:
            for futures in in_flight:  # the run stops early: what is under way ends
                futures[-1].wait()


def _forget_results() -> None:
    """Prefect keeps a state for each result, to draw who used what; here futures say that, and a run may be long."""
    context = FlowRunContext.get()
    if context is not None:
        context.run_results.clear()


def _outcome(futures: list[PrefectFuture[Any]]) -> Outcome:
    """What the last stage returns; if one failed, the error of the first that did."""
    try:
        return futures[-1].result()
    except Exception:
        for future in futures:  # only now: on a cluster each would bring the shard's pictures here
            future.result()
        raise
