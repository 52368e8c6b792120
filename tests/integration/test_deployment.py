"""The deployments of deployments/prefect.yaml, on a real Prefect server and a real process worker."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID
from zlib import crc32
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.jobs.watch import WatchJob
from flows.watch import watch_prompts
from tests.integration.prefect_server import Server, serve, worker
from tests.integration.runs import Outcome, names, snapshot, table, write_prompts

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
ROWS, SHARDS = 96, 6
ZONE = "Pacific/Kiritimati"
STAGES = ("read", "preprocess", "generate", "enhance", "write")


class Deployed:
    """A server with both deployments, and their runs: one of the whole, two of a part each."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.job = {
            "prompts": write_prompts(str(folder / "prompts.parquet"), ROWS),
            "generator": "dummy",
            "enhance": "contrast:1.1",
            "shard_size": ROWS // SHARDS,
        }
        with server.client() as client:
            self.whole = self._submit(client, "nightly", out=f"{folder}/{{date}}")
            self.parts = [
                self._submit(client, "partitioned", out=f"{folder}/parts", partition=part) for part in ("1/2", "2/2")
            ]

    def _submit(self, client: SyncPrefectClient, name: str, **options: str) -> UUID:
        deployment = client.read_deployment_by_name(f"render/{name}")
        return client.create_flow_run_from_deployment(deployment.id, parameters={"job": {**self.job, **options}}).id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("prefect")) as running:
        with running.client() as client:
            client.create_work_pool(WorkPoolCreate(name="imagemill", type="process"))
        with worker(running, "imagemill"):
            running.prefect("deploy", "--all", "--prefect-file", "deployments/prefect.yaml", cwd=ROOT)
            yield running


@pytest.fixture(scope="module")
def deployed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return Deployed(server, tmp_path_factory.mktemp("deployed"))


def test_both_deployments_are_scheduled(server: Server) -> None:
    with server.client() as client:
        nightly = client.read_deployment_by_name("render/nightly")
        partitioned = client.read_deployment_by_name("render/partitioned")
    assert [schedule.schedule.cron for schedule in nightly.schedules] == ["0 2 * * *"]
    parts = {schedule.slug: schedule.parameters["job"].get("partition") for schedule in partitioned.schedules}
    assert parts == {"part-1": "1/2", "part-2": "2/2", "finish": None}
    outs = {schedule.parameters["job"]["out"] for schedule in partitioned.schedules}
    assert len(outs) == 1, "all parts go into one folder"
    assert nightly.entrypoint == "flows.render.render"


def test_a_schedule_fires_by_itself(server: Server, tmp_path: Path) -> None:
    """render/nightly as it is shipped, but for its schedule, which is seconds away, and its small job.

    {date} is the day in the schedule's time zone, which here is another one than in UTC for 14 hours of 24.
    """
    shipped = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text())
    nightly = {**shipped["deployments"][0], "name": "soon", "schedule": {"interval": 20, "timezone": ZONE}}
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 8)
    nightly["parameters"] = {"job": {"prompts": prompts, "out": f"{tmp_path}/{{date}}", "generator": "dummy"}}
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump({**shipped, "deployments": [nightly]}))
    server.prefect("deploy", "--all", "--prefect-file", str(tmp_path / "prefect.yaml"), cwd=ROOT)

    with server.client() as client:
        deployment = client.read_deployment_by_name("render/soon")
        try:
            run = server.first_ended_run(deployment.id)
        finally:
            client.delete_deployment(deployment.id)
    assert run.auto_scheduled
    assert run.state_name == "Completed", run.state
    assert run.expected_start_time is not None
    out = str(tmp_path / f"{run.expected_start_time.astimezone(ZoneInfo(ZONE)):%Y-%m-%d}")
    assert set(table(out, "metadata")["image"].to_pylist()) <= names(out)
    assert table(out, "metadata").num_rows == 8


def test_a_deployed_run_completes_and_shows_itself(deployed: Deployed) -> None:
    run = deployed.server.ended(deployed.whole)
    assert run.state_name == "Completed", run.state
    assert run.expected_start_time is not None
    out = deployed.folder / f"{run.expected_start_time:%Y-%m-%d}"  # the day it was scheduled for
    assert run.name == f"prompts.parquet to {out}"

    metadata = table(str(out), "metadata")
    assert metadata["row"].to_pylist() == list(range(ROWS))
    assert set(metadata["image"].to_pylist()) <= names(str(out))
    assert (out / "report/index.html").is_file()

    tasks = deployed.server.task_runs(run.id, len(STAGES) * SHARDS)
    assert {task.name for task in tasks} == {f"{stage} {shard:05d}" for stage in STAGES for shard in range(SHARDS)}
    assert {task.state_name for task in tasks} == {"Completed"}

    artifacts = deployed.server.artifacts(run.id)
    assert artifacts["imagemill-progress"].data == 100.0
    assert f'"{ROWS}"' in str(artifacts["imagemill-summary"].data)
    assert str(out / "report/index.html") in str(artifacts["imagemill-report"].data)
    assert str(artifacts["imagemill-pictures"].data).startswith("data:image/jpeg;base64,")
    assert any(artifact.key.endswith(f"{out.name}-{crc32(str(out).encode()):08x}") for artifact in artifacts.values())


@pytest.mark.parametrize(
    ("bad", "name", "type_"),
    [(3, "Completed with 3 quarantined", "COMPLETED"), (30, "Failed", "FAILED")],
)
def test_quarantined_rows_show_in_the_runs_state(
    server: Server, tmp_path: Path, bad: int, name: str, type_: str
) -> None:
    texts = ["a cat"] * (ROWS - bad) + [""] * bad  # an empty text is a bad row
    pq.write_table(pa.table({"text": texts}), tmp_path / "prompts.parquet")
    job = {"prompts": str(tmp_path / "prompts.parquet"), "out": f"{tmp_path}/run", "generator": "dummy"}
    with server.client() as client:
        deployment = client.read_deployment_by_name("render/nightly")
        given = {**deployment.parameters["job"], **job, "shard_size": ROWS // SHARDS}
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"job": given})
    ended = server.ended(run.id)
    assert (ended.state_name, ended.state.type.value) == (name, type_)
    assert ended.state.message
    assert "imagemill inspect" in ended.state.message


def test_a_file_that_arrives_is_rendered_once(server: Server, tmp_path: Path) -> None:
    write_prompts(str(tmp_path / "inbox/new.parquet"), 6)
    job = {"inbox": f"{tmp_path}/inbox", "out": f"{tmp_path}/runs", "settled": "0", "options": {"generator": "dummy"}}
    with server.client() as client:
        sensor = client.read_deployment_by_name("watch/inbox")
        assert not any(schedule.active for schedule in sensor.schedules), "it is the user's to switch on"
        looked = client.create_flow_run_from_deployment(sensor.id, parameters={"job": job})
        assert server.ended(looked.id).state_name == "Completed"
        (out,) = (tmp_path / "runs/watched").iterdir()
        with temporary_settings({PREFECT_API_URL: server.api}):
            assert watch_prompts.fn(WatchJob(**job)) == []
            out.unlink()  # of a sensor that was killed before it could note the file
            assert watch_prompts.fn(WatchJob(**job)) == [out.name]
        runs = [run for run in client.read_flow_runs() if str(tmp_path) in str(run.parameters) and run.id != looked.id]
    rendered = [run for run in runs if "prompts" in run.parameters["job"]]
    assert len(rendered) == 1
    assert server.ended(rendered[0].id).state_name == "Completed"
    assert table(f"{tmp_path}/runs/{out.name}", "metadata").num_rows == 6


def test_a_misspelt_option_is_refused_by_its_name(server: Server, tmp_path: Path) -> None:
    with server.client() as client:
        deployment = client.read_deployment_by_name("render/nightly")
        job = {**deployment.parameters["job"], "max_failure": "5%"}
        with pytest.raises(httpx.HTTPStatusError, match="max_failure"):
            client.create_flow_run_from_deployment(deployment.id, parameters={"job": job})


def test_two_runs_share_a_folder_and_a_last_one_finishes_it(
    deployed: Deployed, imagemill: Callable[..., Outcome]
) -> None:
    out = str(deployed.folder / "parts")
    for number, part in enumerate(deployed.parts):
        run = deployed.server.ended(part)
        assert run.state_name == "Completed", run.state
        assert run.name == f"prompts.parquet to {out}, part {number + 1}/2"
        tasks = deployed.server.task_runs(part, len(STAGES) * SHARDS // 2)
        assert {int(re.sub(r"\D", "", task.name)) for task in tasks} == set(range(number, SHARDS, 2))
    metadata = table(out, "metadata")
    assert metadata["row"].to_pylist() == list(range(ROWS))
    assert len(set(metadata["image"].to_pylist())) == ROWS
    assert "report/index.html" not in names(out)

    before = snapshot(out)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in deployed.job.items() if name != "prompts"]
    last = imagemill("render", deployed.job["prompts"], "--out", out, *options, "--json")
    assert last.code == 0, last.err
    assert f'"rows_done_before": {ROWS}' in last.out
    assert "report/index.html" in names(out)
    assert snapshot(out) == before
