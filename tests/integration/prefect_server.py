"""A real Prefect server and process workers for the tests, in a folder of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, Artifact, FlowRun, TaskRun

from flows.engine import prefect_internals
from tests.integration.s3 import die_with_parent, free_ports

QUICK = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_UI_ENABLED": "false",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
}
PATIENCE = 400.0  # seconds; far more than a run takes, even where others share the processor


@dataclass
class Server:
    """A server: its folder (settings, logs, by default its database), its port, and its process while it runs."""

    home: Path
    port: int
    database: str | None = None
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Runs `prefect server start` and waits until it answers."""
        self.process = self.begin("server", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        end = time.monotonic() + PATIENCE
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.api}/health", timeout=30).is_success:
                    break
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The server did not start:\n{self.logs()}")
            time.sleep(0.1)

    def kill(self) -> None:
        if self.process is not None:
            kill(self.process)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the server and all that it started."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def begin(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """A `prefect` command in a process group of its own, which says in `name`.log what it does."""
        with (self.home / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )

    @property
    def environment(self) -> dict[str, str]:
        kept = {} if self.database is None else {"PREFECT_API_DATABASE_CONNECTION_URL": self.database}
        return {**os.environ, **QUICK, **kept, "PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.api}

    def client(self) -> SyncPrefectClient:
        return SyncPrefectClient(self.api)

    def prefect(self, *arguments: str, cwd: Path | None = None) -> str:
        """Runs a `prefect` command to its end and returns what it printed."""
        command = [sys.executable, "-m", "prefect", *arguments]
        done = subprocess.run(command, env=self.environment, cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def ended(self, run: UUID, crash_is_the_end: bool = True) -> FlowRun:
        """Waits until a flow run has ended, however; an automation may have a crashed one run again."""
        with self.client() as client:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                found = client.read_flow_run(run)
                state = found.state
                if state is not None and state.is_final() and (crash_is_the_end or not state.is_crashed()):
                    return found
                time.sleep(0.5)
        raise TimeoutError(f"flow run {run} is {found.state_name} after {PATIENCE:.0f} s:\n{self.logs()}")

    def first_ended_run(self, deployment: UUID) -> FlowRun:
        """Waits until a flow run of a deployment has ended, whoever made it."""
        chosen, final = (
            DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
            FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES)))),
        )
        with self.client() as client:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                if found := client.read_flow_runs(flow_run_filter=final, deployment_filter=chosen):
                    return found[0]
                time.sleep(0.5)
            made = client.read_flow_runs(deployment_filter=chosen)
        raise TimeoutError(f"none of {len(made)} runs ended within {PATIENCE:.0f} s:\n{self.logs()}")

    def logs(self) -> str:
        """The ends of what server and workers said."""
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in self.home.glob("*.log"))

    def task_runs(self, run: UUID, count: int) -> list[TaskRun]:
        """The task runs of a flow run; they reach the database a moment after it has ended."""
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
        with self.client() as client:
            end = time.monotonic() + 60
            while True:
                found = client.read_task_runs(flow_run_filter=chosen, limit=200)
                settled = [task for task in found if task.state is not None and task.state.is_final()]
                if len(settled) >= count or time.monotonic() > end:
                    return found
                time.sleep(0.5)

    def artifacts(self, run: UUID) -> dict[str, Artifact]:
        """The artifacts of a flow run by key, without what the key says of the run folder."""
        with self.client() as client:
            found = client.read_artifacts(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])))
        return {"-".join(each.key.split("-")[:2]): each for each in found if each.key is not None}


@contextmanager
def serve(home: Path, database: str | None = None) -> Iterator[Server]:
    """Runs `prefect server start`, with a database in `home` or the one of this URL."""
    server = Server(home, free_ports(1)[0], database)
    if database is None:
        prefect_internals.seed_database(f"sqlite+aiosqlite:///{home}/prefect.db")  # spares a hundred migrations
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def worker(server: Server, pool: str) -> Iterator[None]:
    """Runs a process worker."""
    process = server.begin("worker", "worker", "start", "--pool", pool, "--type", "process")
    try:
        yield
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends a `prefect` command and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
