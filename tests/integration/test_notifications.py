"""The shipped notifications, on a real Prefect server, arrive at a real receiver."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Failed, Running, Scheduled

from flows.engine.notifications import install
from flows.render import render
from tasks.runfolder.errors import BadInput
from tests.integration.prefect_server import Server, serve
from tests.integration.receiver import Receiver

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("prefect")) as running:
        yield running


def test_failed_quarantined_late_and_endless_runs_are_told(server: Server, tmp_path: Path) -> None:
    shipped = yaml.safe_load((ROOT / "deployments/notifications.yaml").read_text())
    endless = shipped["automations"][-1]["trigger"]
    assert endless["within"] == 12 * 3600
    endless["within"] = 10  # the least that Prefect takes
    (tmp_path / "notifications.yaml").write_text(yaml.safe_dump(shipped))
    receiver = Receiver()
    command = [sys.executable, "-m", "flows"]
    notify = [*command, "notify", receiver.address, "--file", str(tmp_path / "notifications.yaml")]
    done = subprocess.run(notify, env=server.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("installed") == 4
    with temporary_settings({PREFECT_API_URL: server.api}):
        install(receiver.address, tmp_path / "notifications.yaml")  # again replaces
    with server.client() as client:
        assert len(client.read_automations()) == 4
        client.create_flow_run(render, name="a-bad-night", state=Failed(message="the store did not come back"))
        client.create_flow_run(
            render, name="a-late-night", state=Scheduled(scheduled_time=datetime.now(UTC) - timedelta(hours=1))
        )
        client.create_flow_run(render, name="a-long-night", state=Running())

    pd.DataFrame({"text": ["a cat", ""]}).to_parquet(tmp_path / "prompts.parquet")
    job = ["render", str(tmp_path / "prompts.parquet"), "--out", str(tmp_path / "run"), "--generator", "dummy"]
    ran = subprocess.run(
        [*command, *job, "--quarantine-alarm", "10%"],
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3, ran.stderr

    assert "the store did not come back" in receiver.wait_for("a-bad-night failed")["text"]
    assert f"imagemill inspect {tmp_path}/run" in receiver.wait_for("1 of 2 rows quarantined")["text"]
    receiver.wait_for("a-late-night is late")
    receiver.wait_for("a-long-night does not end")


@pytest.mark.parametrize(
    ("address", "content", "words"),
    [
        ("nowhere", "automations: []", "nowhere: not an address"),
        ("http://127.0.0.1:9/", "a: 1", "not a file of automations"),
        ("http://127.0.0.1:9/", "automations: [{name: a, trigger: {type: no}, actions: []}]", "a: "),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    server: Server, tmp_path: Path, address: str, content: str, words: str
) -> None:
    (tmp_path / "a.yaml").write_text(content)
    with temporary_settings({PREFECT_API_URL: server.api}), pytest.raises(BadInput) as refused:
        install(address, tmp_path / "a.yaml")
    assert words in str(refused.value) and "\n" not in str(refused.value)
