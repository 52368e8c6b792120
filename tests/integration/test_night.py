"""A night in which everything fails once: a scheduled run starts by itself, its worker is killed, then the Prefect
server and the store are away. The morning finds all pictures, and the page says what happened."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration import postgres
from tests.integration.prefect_server import PATIENCE, Server, kill
from tests.integration.prefect_server import serve as serve_prefect
from tests.integration.receiver import Receiver
from tests.integration.runs import Outcome, snapshot, table
from tests.integration.s3 import S3
from tests.integration.s3 import serve as serve_s3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
AWAY = float(os.environ.get("IMAGEMILL_OUTAGE", "10"))  # seconds that server and store are away; 300 for a real one
ROWS, SHARD, BAD = 4_800 + 16 * int(AWAY * 7.5), 16, 4_777  # work for as long, at some seven shards a second
MADE_BEFORE = "UPDATE flow_run_state SET timestamp = timestamp - interval '1 hour' WHERE type = 'SCHEDULED'"
SHAPE = {"generator": "dummy", "shard_size": SHARD, "width": 32, "height": 32}


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A store of the test's own, as it is killed."""
    with serve_s3(tmp_path_factory.mktemp("seaweedfs"), "night") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def server(store: S3, tmp_path: Path) -> Iterator[Server]:
    """A Prefect server on PostgreSQL with the shipped automations."""
    (tmp_path / "home").mkdir()
    with postgres.serve() as database, serve_prefect(tmp_path / "home", database) as running:
        running.prefect("work-pool", "create", "imagemill", "--type", "process")
        running.prefect("automation", "create", "--from-file", "deployments/automations.yaml", cwd=ROOT)
        yield running


@pytest.fixture
def start_workers(server: Server) -> "Iterator[Callable[[], list[subprocess.Popen[bytes]]]]":
    """Starts two workers."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> list[subprocess.Popen[bytes]]:
        started.extend(server.begin(name, "worker", "start", "--pool", "imagemill") for name in ("first", "second"))
        return started

    yield start
    for worker in started:
        kill(worker)


def deploy(server: Server, folder: Path, job: dict[str, Any]) -> str:
    """The shipped deployment `nightly` with this job, to run once, half a minute from now."""
    shipped = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text())
    nightly = shipped["deployments"][0]
    begin = datetime.now(UTC) + timedelta(seconds=30)
    nightly["schedule"] = {"interval": 30 * 86_400, "anchor_date": begin.isoformat(), "timezone": "UTC"}
    nightly["parameters"] = {"job": job}
    (folder / "prefect.yaml").write_text(yaml.safe_dump(shipped | {"deployments": [nightly]}))
    server.prefect("deploy", "--all", "--prefect-file", "prefect.yaml", cwd=folder)
    return f"render/{nightly['name']}"


def kill_busy(workers: "list[subprocess.Popen[bytes]]") -> None:
    """Kills the worker that has a run, and the run."""
    (busy,) = [worker for worker in workers if psutil.Process(worker.pid).children()]
    for process in psutil.Process(busy.pid).children(recursive=True):
        process.kill()
    kill(busy)


def test_a_night_in_which_everything_fails_once(
    server: Server,
    start_workers: "Callable[[], list[subprocess.Popen[bytes]]]",
    store: S3,
    tmp_path: Path,
    imagemill: Callable[..., Outcome],
) -> None:
    prompts, out, figures = "s3://night/prompts.parquet", "s3://night/run", tmp_path / "night.prom"
    texts = [f"picture {row}" if row != BAD else "" for row in range(ROWS)]
    pd.DataFrame({"text": texts}).to_parquet(tmp_path / "prompts.parquet")
    there = store.filesystem()
    there.put(str(tmp_path / "prompts.parquet"), prompts)
    told = Receiver()
    subprocess.run(
        [sys.executable, "-m", "flows", "notify", told.address], cwd=ROOT, env=server.environment, check=True
    )

    def shards() -> int:
        return len(there.find("night/run/metadata")) if there.exists("night/run/metadata") else 0

    def until(condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what} did not come:\n{server.logs()}"
            time.sleep(0.2)

    job = {"prompts": prompts, "out": out, **SHAPE}
    name = deploy(server, tmp_path, {**job, "metrics_file": str(figures), "quarantine_alarm": "0"})
    # As with a schedule of the evening before: the events of a run that was made within five minutes wait for one of
    # its making, which the scheduler does not send, and automations would hear of its crash a quarter of an hour late.
    assert server.database is not None
    until(lambda: postgres.execute(server.database, MADE_BEFORE) != "UPDATE 0", "a run of the schedule")
    workers = start_workers()
    until(lambda: shards() >= 5, "the scheduled run")
    with server.client() as client:
        deployment = client.read_deployment_by_name(name).id
    kill_busy(workers)
    killed_at = shards()

    until(lambda: shards() >= killed_at + 5, "the run on the other worker")
    before = shards()
    assert before < ROWS // SHARD // 2, "it was over too soon"
    server.kill()
    until(lambda: shards() >= before + 5, "work without a server")
    time.sleep(AWAY)
    server.start()
    before = shards()
    assert before < ROWS // SHARD - 10, "it was over too soon"
    store.kill()
    time.sleep(AWAY)
    store.start()
    run = server.first_ended_run(deployment)
    with server.client() as client:
        states = [state.name for state in client.read_flow_run_states(run.id)]

    assert run.state_name == "Completed with 1 quarantined", (run.state, server.logs())
    assert "Crashed" in states and "AwaitingRetry" in states, states
    assert run.run_count == 2
    assert imagemill("render", prompts, "--out", tmp_path / "undisturbed", *_options(SHAPE)).code == 3
    assert snapshot(out) == snapshot(str(tmp_path / "undisturbed"))
    assert table(out, "metadata")["row"].to_pylist() == [row for row in range(ROWS) if row != BAD]
    assert "imagemill inspect s3://night/run" in told.wait_for(f"1 of {ROWS} rows quarantined")["text"]
    summary = json.loads(str(server.artifacts(run.id)["imagemill-summary"].data))
    figure = {line["figure"]: line["value"].replace(",", "") for line in summary}
    families = text_string_to_metric_families(figures.read_text())
    (made,) = [family for family in families if family.name == "imagemill_pictures"]
    assert 0 < made.samples[0].value == int(figure["pictures"]) - int(figure["rows done before"]) < ROWS


def _options(job: dict[str, Any]) -> list[str]:
    return [text for name, value in job.items() for text in (f"--{name.replace('_', '-')}", str(value))]
