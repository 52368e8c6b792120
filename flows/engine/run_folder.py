"""Opens the run folder of a bulk flow: plans the job, locks the folder, reads or writes its record."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from prefect.runtime import flow_run

from flows.engine.schedule_day import scheduled_day
from flows.jobs.render import RenderJob
from flows.lanes.pipeline import outlasting
from tasks.runfolder.claims import Claims, claiming
from tasks.runfolder.errors import BadInput, Busy
from tasks.runfolder.lock import Role, working
from tasks.runfolder.record import open_record
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.workers import Worker

if TYPE_CHECKING:  # a flow imports its own job; this one's options bring OpenCV
    from flows.jobs.reprocess import ReprocessJob


ASK_AGAIN = 2.0  # seconds between two looks whether the folder is free
REPORT, REPORT_CLAIM = "report/index.html", "report"


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
    return job.dated(scheduled_day())


@dataclass(frozen=True)
class OpenRun(Generic[Plan]):
    """A run whose folder is open.

    `record`: the content of `run.json`, from this run or an earlier one; `started`: `time.perf_counter()` at the start;
    `claims`: of a run with --join.
    """

    plan: Plan
    out: Storage
    record: Mapping[str, Any]
    started: float
    claims: Claims | None = None

    def report(self, write: Callable[[], str]) -> str:
        """Writes the report; of several workers that find the run complete the first one does."""
        if self.claims is None:
            return write()
        if not self.out.exists(REPORT) and self.claims.take(REPORT_CLAIM):
            try:
                return write()
            finally:
                self.claims.give_back(REPORT_CLAIM)
        return self.out.url(REPORT)


@contextmanager
def opened(job: Job, make_plan: Callable[[Job, Path], Plan]) -> Iterator[OpenRun[Plan]]:
    """Plans the job and opens its folder, which stays locked until the end.

    Args:
        make_plan: plans the job; it may keep files in the folder it is given until the run ends.

    Raises:
        BadInput: the job, its input or its output cannot be used, or others work there; nothing has been written.
        StorageError: storage failed in a way that may pass.
    """
    started = time.perf_counter()
    out = Storage(job.out)
    with ExitStack() as stack:
        spool = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imagemill-")))
        try:
            plan = make_plan(job, spool)
            worker = stack.enter_context(_room(out, job.role, job.wait))
            claims = stack.enter_context(claiming(out, worker)) if job.join else None
            record = outlasting(partial(open_record, out, plan.record(), job.resume))
            plan.carry_on(record)
        except StorageError as error:
            raise BadInput(str(error)) if error.mendable else error from error
        yield OpenRun(plan, out, record, started, claims)


@contextmanager
def _room(out: Storage, role: Role, wait: bool) -> Iterator[Worker]:
    """Works in the folder once others leave room for it. Raises Busy if they don't and this is not to be waited for."""
    with ExitStack() as stack:
        said = ""
        while True:
            try:
                worker = stack.enter_context(working(out, role))
                break
            except Busy as busy:
                if not wait:
                    raise
                if busy.holder != said:
                    print(f"waiting for {busy.holder}, which works in {out.url()}", file=sys.stderr, flush=True)
                    said = busy.holder
            time.sleep(ASK_AGAIN)
        yield worker
