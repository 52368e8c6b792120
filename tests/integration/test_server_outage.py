"""The Prefect server goes away in the middle of a run: work goes on, the bytes are the same, the page catches up."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.prefect_server import Server, serve
from tests.integration.runs import snapshot, table, with_own_server, write_prompts

pytestmark = pytest.mark.slow
ROWS, SHARDS = 192, 48  # with their stages fewer than the 200 task runs that a server tells at once
STAGES = 4  # of the dummy generator: read, preprocess, generate, write
LIMIT = 400  # seconds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("prefect")) as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """The prompts, and what a run with no Prefect server but its own makes of them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    prompts = write_prompts(str(folder / "prompts.parquet"), ROWS)
    with rendering(prompts, folder / "out", with_own_server(folder / "home")) as process:
        assert process.wait(LIMIT) == 0
    return prompts, snapshot(str(folder / "out"))


@contextmanager
def rendering(prompts: str, out: Path, environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "flows", "render", prompts, "--out", str(out), "--no-report"]
    command += ["--generator", "dummy", "--shard-size", str(ROWS // SHARDS)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_shards(out: Path, count: int, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + LIMIT
    while len(list((out / "metadata").glob("*.parquet"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"no {count} shards after {LIMIT} s"
        time.sleep(0.05)


def newest_run(server: Server) -> UUID:
    with server.client() as client:
        runs = client.read_flow_runs()
    return max(runs, key=lambda run: str(run.created)).id


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_work_goes_on_and_the_page_catches_up(
    server: Server, undisturbed: tuple[str, dict[str, str]], tmp_path: Path, how: str
) -> None:
    prompts, expected = undisturbed
    # Prefect's own patience is a minute; with none at all, a run that asks the server for anything fails at once.
    environment = {**server.environment, "PREFECT_CLIENT_MAX_RETRIES": "0"}
    with rendering(prompts, tmp_path / "out", environment) as process:
        wait_for_shards(tmp_path / "out", 1, process)
        server.kill() if how == "killed" else server.signal(signal.SIGSTOP)
        done = len(list((tmp_path / "out/metadata").glob("*.parquet")))
        wait_for_shards(tmp_path / "out", SHARDS, process)
        time.sleep(5)
        assert process.poll() is None, "a run whose end is not told yet must wait"
        server.start() if how == "killed" else server.signal(signal.SIGCONT)
        out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err
    assert done < SHARDS, "the outage came too late to show anything"
    assert "Traceback" not in out + err

    assert snapshot(str(tmp_path / "out")) == expected
    assert table(str(tmp_path / "out"), "metadata").num_rows == ROWS
    run = server.ended(newest_run(server))
    assert run.state_name == "Completed"
    assert server.artifacts(run.id)["imagemill-progress"].data == 100.0
    assert f'"{ROWS}"' in str(server.artifacts(run.id)["imagemill-summary"].data)
    tasks = server.task_runs(run.id, SHARDS * STAGES)
    assert len(tasks) == SHARDS * STAGES
    assert {task.state_name for task in tasks} == {"Completed"}


def test_a_private_server_that_is_killed_is_started_again(
    undisturbed: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    prompts, expected = undisturbed
    with rendering(prompts, tmp_path / "out", with_own_server(tmp_path / "home")) as process:
        wait_for_shards(tmp_path / "out", 1, process)
        os.kill(_private_server_of(process.pid), signal.SIGKILL)
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert snapshot(str(tmp_path / "out")) == expected


def _private_server_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (server,) = [child for child in children if b"server_process" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return int(server)
