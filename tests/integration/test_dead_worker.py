"""A worker dies with its run: the shipped automations crash the run and have another worker carry it on."""

import time
from pathlib import Path

import psutil
import pytest
import yaml
from prefect.client.schemas.actions import WorkPoolCreate

from tests.integration.prefect_server import kill, serve, worker
from tests.integration.runs import snapshot, table, write_prompts

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
ROWS, SHARD = 2_000, 10
LIMIT = 400  # seconds


def test_a_run_whose_worker_died_is_done_by_another(tmp_path: Path) -> None:
    shipped = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text())
    (tmp_path / "home").mkdir()
    with serve(tmp_path / "home") as server:
        with server.client() as client:
            client.create_work_pool(WorkPoolCreate(name="imagemill", type="process"))
        server.prefect("automation", "create", "--from-file", "deployments/automations.yaml", cwd=ROOT)
        server.prefect("deploy", "--name", "nightly", "--prefect-file", "deployments/prefect.yaml", cwd=ROOT)
        prompts = write_prompts(str(tmp_path / "prompts.parquet"), ROWS)
        job = {"prompts": prompts, "out": f"{tmp_path}/run", "generator": "dummy", "shard_size": SHARD}
        with server.client() as client:
            nightly = client.read_deployment_by_name(f"render/{shipped['deployments'][0]['name']}")
            run = client.create_flow_run_from_deployment(nightly.id, parameters={"job": job}).id

        first = server.begin("worker", "worker", "start", "--pool", "imagemill", "--type", "process")
        wait_for_shards(tmp_path / "run", 5)
        for process in [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.pid)]:
            process.kill()
        kill(first)
        done = snapshot(str(tmp_path / "run"))
        done = {name: digest for name, digest in done.items() if not Path(name).name.startswith(".")}  # begun, not done
        assert len(list((tmp_path / "run/metadata").glob("*.parquet"))) < ROWS // SHARD, "it was over too soon"

        with worker(server, "imagemill"):
            ended = server.ended(run, crash_is_the_end=False)
        with server.client() as client:
            told = [state.name for state in client.read_flow_run_states(run)]
    assert ended.state_name == "Completed", ended.state
    assert ended.run_count == 2
    assert "Crashed" in told and "AwaitingRetry" in told, told
    after = snapshot(str(tmp_path / "run"))
    assert {name: after.get(name) for name in done} == done, "what was complete is not done twice"
    assert table(str(tmp_path / "run"), "metadata")["row"].to_pylist() == list(range(ROWS))


def wait_for_shards(out: Path, count: int) -> None:
    end = time.monotonic() + LIMIT
    while len(list((out / "metadata").glob("*.parquet"))) < count:
        assert time.monotonic() < end, f"no {count} shards after {LIMIT} s"
        time.sleep(0.05)
