"""How a flow that works in bulk opens its run folder: planned, locked, with the record that is in it."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from prefect.runtime import flow_run

from flows.jobs.render import RenderJob
from tasks.runfolder.errors import BadInput
from tasks.runfolder.lock import Lock, locked
from tasks.runfolder.record import open_record
from tasks.runfolder.storage import Storage, StorageError

if TYPE_CHECKING:  # a flow imports its own job; this one's options bring OpenCV
    from flows.jobs.reprocess import ReprocessJob


class AnyPlan(Protocol):
    """What a job comes to."""

    def record(self) -> dict[str, Any]: ...

    def carry_on(self, record: Mapping[str, Any]) -> None: ...

    def of_this_part(self) -> Iterator[Any]: ...


Job = TypeVar("Job", RenderJob, "ReprocessJob")
Plan = TypeVar("Plan", bound=AnyPlan)


def title() -> str:
    """Of the flow run, as Prefect shows it."""
    return dated(flow_run.parameters["job"]).title


def dated(job: Job) -> Job:
    """The day is the one that the run was scheduled for: tried again on the next, it carries on in its own folder."""
    return job.dated(flow_run.scheduled_start_time.astimezone(UTC))


@dataclass(frozen=True)
class OpenRun(Generic[Plan]):
    """A run whose folder is open.

    `record`: what `run.json` says, this run's or an earlier one's; `started`: seconds of `time.perf_counter`.
    """

    plan: Plan
    out: Storage
    record: Mapping[str, Any]
    lock: Lock
    started: float


@contextmanager
def opened(job: Job, make_plan: Callable[[Job, Path], Plan]) -> Iterator[OpenRun[Plan]]:
    """The job's run: planned, and its folder locked until the end.

    Args:
        make_plan: makes the plan; it may keep files in the folder it is given, until the run ends.

    Raises:
        BadInput: the job, its input or its output cannot be used; nothing has been written.
        StorageError: storage failed in a way that may mend itself.
    """
    started = time.perf_counter()
    out = Storage(job.out)
    with ExitStack() as stack:
        spool = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imagemill-")))
        try:
            plan = make_plan(job, spool)
            lock = stack.enter_context(locked(out, job.lock_name))
            record = open_record(out, plan.record(), job.resume)
            plan.carry_on(record)
        except StorageError as error:
            raise BadInput(str(error)) if error.mendable else error from error
        yield OpenRun(plan, out, record, lock, started)
