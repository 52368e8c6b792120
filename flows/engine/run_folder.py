"""Opens the run folder of a bulk flow: plans the job, locks the folder, reads or writes its record."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from prefect.runtime import flow_run

from flows.engine.prefect_internals import is_run_of_a_worker
from flows.engine.run_log import telling
from flows.engine.schedule_day import scheduled_day
from flows.jobs.render import RenderJob, RunOptions
from flows.lanes.patience import begin, outlasting
from tasks.runfolder.claims import Claims, claiming
from tasks.runfolder.errors import BadInput, Busy
from tasks.runfolder.lock import Role, working
from tasks.runfolder.record import open_record
from tasks.runfolder.storage import Storage, StorageError
from tasks.runfolder.workers import Worker

if TYPE_CHECKING:  # a flow imports its own job; the options of these bring OpenCV
    from flows.jobs.adjust import AdjustJob
    from flows.jobs.campaign import CampaignJob
    from flows.jobs.reprocess import ReprocessJob
    from flows.jobs.series import SeriesJob
    from flows.jobs.storyboard import StoryboardJob


log = logging.getLogger("imagemill.run")

ASK_AGAIN = 2.0  # seconds between two looks whether the folder is free
REPORT, REPORT_CLAIM = "report/index.html", "report"


class AnyPlan(Protocol):
    """What a flow needs of a job's plan."""

    @property
    def job(self) -> RunOptions: ...

    def record(self) -> dict[str, Any]: ...

    def carry_on(self, record: Mapping[str, Any]) -> None: ...

    def of_this_part(self) -> Iterator[Any]: ...


Job = TypeVar("Job", RenderJob, "ReprocessJob", "CampaignJob", "StoryboardJob", "SeriesJob", "AdjustJob")
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
        place = self._written(write, self.plan.job.patience)
        log.info("report: %s", place, extra={"fields": {"report": place}})
        return place

    def _written(self, write: Callable[[], str], patience: float) -> str:
        claims = self.claims
        if claims is None:
            return outlasting(write, patience)
        if outlasting(lambda: not self.out.exists(REPORT) and claims.take(REPORT_CLAIM), patience):
            try:
                return outlasting(write, patience)
            finally:
                claims.give_back(REPORT_CLAIM)
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
    begin()
    out = Storage(job.out)
    with ExitStack() as stack:
        stack.enter_context(telling(job.log_format))
        spool = stack.enter_context(tempfile.TemporaryDirectory(prefix="imagemill-"))
        patience = job.patience if is_run_of_a_worker() else 0  # at a command's start there is somebody to tell
        try:
            plan = outlasting(lambda: make_plan(job, Path(tempfile.mkdtemp(dir=spool))), patience)
            worker = stack.enter_context(_room(out, job.role, job.wait, patience))
            claims = stack.enter_context(claiming(out, worker)) if job.join else None
            record = outlasting(partial(open_record, out, plan.record(), job.resume), job.patience)
            plan.carry_on(record)
        except StorageError as error:
            raise BadInput(str(error)) if error.mendable else error from error
        yield OpenRun(plan, out, record, started, claims)


@contextmanager
def _room(out: Storage, role: Role, wait: bool, patience: float) -> Iterator[Worker]:
    """Works in the folder once others leave room for it. Raises Busy if they don't and this is not to be waited for."""

    def enter() -> Worker:
        return stack.enter_context(working(out, role))

    with ExitStack() as stack:
        said = ""
        while True:
            try:
                worker = outlasting(enter, patience)
                break
            except Busy as busy:
                if not wait:
                    raise
                if busy.holder != said:
                    log.warning("waiting for %s, which works in %s", busy.holder, out.url())
                    said = busy.holder
            time.sleep(ASK_AGAIN)
        yield worker
