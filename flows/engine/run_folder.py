"""Opens the run folder of a bulk flow: plans the job, locks the folder, reads or writes its record."""

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
    """What a flow needs of a job's plan."""

    def record(self) -> dict[str, Any]: ...

    def carry_on(self, record: Mapping[str, Any]) -> None: ...

    def of_this_part(self) -> Iterator[Any]: ...


Job = TypeVar("Job", RenderJob, "ReprocessJob")
Plan = TypeVar("Plan", bound=AnyPlan)


def title() -> str:
    """The flow run's name on the Prefect page."""
    return dated(flow_run.parameters["job"]).title


def dated(job: Job) -> Job:
    """Fills in the day the run was scheduled for, so that a retry on the next day resumes in the same folder."""
    return job.dated(flow_run.scheduled_start_time.astimezone(UTC))


@dataclass(frozen=True)
class OpenRun(Generic[Plan]):
    """A run whose folder is open.

    `record`: the content of `run.json`, from this run or an earlier one; `started`: `time.perf_counter()` at the start.
    """

    plan: Plan
    out: Storage
    record: Mapping[str, Any]
    lock: Lock
    started: float


@contextmanager
def opened(job: Job, make_plan: Callable[[Job, Path], Plan]) -> Iterator[OpenRun[Plan]]:
    """Plans the job and opens its folder, which stays locked until the end.

    Args:
        make_plan: plans the job; it may keep files in the folder it is given until the run ends.

    Raises:
        BadInput: the job, its input or its output cannot be used; nothing has been written.
        StorageError: storage failed in a way that may pass.
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
