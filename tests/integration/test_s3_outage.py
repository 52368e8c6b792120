"""The object store is killed in the middle of a run and started again: the run waits and makes the same bytes."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import s3fs

from flows.lanes import patience
from flows.lanes.patience import retries
from tasks.runfolder.filesystem import S3_OPTIONS
from tests.integration.runs import Outcome, snapshot, write_prompts
from tests.integration.s3 import S3, serve

pytestmark = pytest.mark.slow
BUCKET = "imagemill-outage"
ROWS, SHARD = 60, 2
OPTIONS = ("--generator", "dummy", "--shard-size", str(SHARD))


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A server of the test's own, as others need theirs up, and a client and a run that soon try again."""
    with serve(tmp_path_factory.mktemp("seaweedfs"), BUCKET) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setitem(S3_OPTIONS["config_kwargs"]["retries"], "total_max_attempts", 1)  # type: ignore[index]
        monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
        monkeypatch.setattr(patience, "PAUSES", ())
        monkeypatch.setattr(patience, "LONGEST", 0.5)
        s3fs.S3FileSystem.clear_instance_cache()
        yield server
        s3fs.S3FileSystem.clear_instance_cache()


def test_a_run_waits_for_a_store_that_is_killed(store: S3, tmp_path: Path, imagemill: Callable[..., Outcome]) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), ROWS)
    assert imagemill("render", prompts, "--out", tmp_path / "local", *OPTIONS).code == 0
    there, before, over = store.filesystem(), retries(), threading.Event()

    def stop_and_start() -> None:
        while len(there.find(f"{BUCKET}/run/metadata")) < 3:
            time.sleep(0.02)
        store.kill()
        while retries() == before:
            time.sleep(0.02)
        store.start()
        over.wait(300)  # or the server would die with this thread

    with ThreadPoolExecutor(1) as pool:
        outage = pool.submit(stop_and_start)
        try:
            run = imagemill("render", prompts, "--out", f"s3://{BUCKET}/run", *OPTIONS, "--log-format", "json")
            assert snapshot(f"s3://{BUCKET}/run") == snapshot(str(tmp_path / "local"))
        finally:
            over.set()
        outage.result()
    assert run.code == 0, run.err
    told = [json.loads(line) for line in run.err.splitlines()]
    store_lines = [line["message"] for line in told if line["logger"] == "imagemill.store"]
    assert store_lines[0].startswith("waiting for the store, ")
    assert store_lines[-1].startswith("the store answers again")
    assert any(line.get("store_retries", 0) > 0 for line in told)
    assert told[-1]["report"] == f"s3://{BUCKET}/run/report/index.html"
