import json
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.engine.metrics import Metrics, exported
from flows.jobs.render import RenderJob
from flows.lanes.pipeline import Stage
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import BadInput
from tests.integration.s3 import free_ports

ROOT = Path(__file__).parents[3]
DONE = Outcome(4, 3, 1, {"read": 0.5, "generate": 2.0}, failed={"read": 1}, device_seconds=1.5)


def parsed(text: str) -> dict[str, float]:
    """The samples, by name and stage as Prometheus writes them."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            stage = sample.labels.get("stage")
            found[f'{sample.name}{{stage="{stage}"}}' if stage else sample.name] = sample.value
    return found


def job(**options: object) -> RenderJob:
    return RenderJob(prompts="a.parquet", out="run", **options)


def test_the_port_serves_what_was_done_while_the_run_lasts() -> None:
    (port,) = free_ports(1)
    metrics = Metrics(1, lambda: 16)
    address = f"http://127.0.0.1:{port}/metrics"
    with exported(metrics, job(metrics_port=port)):
        metrics.add(DONE, eta=60)
        metrics.add(Outcome(4, 4, 0, {}, discarded=True), eta=30)
        with urllib.request.urlopen(address) as answer:
            found = parsed(answer.read().decode())
        with (
            pytest.raises(BadInput, match=f"--metrics-port {port}: Address already in use"),
            exported(metrics, job(metrics_port=port)),
        ):
            pass
    assert found["imagemill_pictures_total"] == 3
    assert found['imagemill_rows_quarantined_total{stage="read"}'] == 1
    assert found['imagemill_stage_seconds_total{stage="generate"}'] == 2
    assert (found["imagemill_eta_seconds"], found["imagemill_batch_size"]) == (30, 16)
    assert found["imagemill_device_seconds_total"] == 1.5
    assert 0 < found["imagemill_device_busy_ratio"] <= 1
    with pytest.raises(OSError):
        urllib.request.urlopen(address)


def test_the_queue_is_of_shards_at_a_stage(tmp_path: Path) -> None:
    metrics, file = Metrics(1), tmp_path / "a.prom"

    def during(*_: object) -> None:
        metrics.add(DONE, 1)
        with exported(metrics, job(metrics_file=str(file))):
            pass

    watched = metrics.watched(during)
    watched(Stage("read", print), SimpleNamespace(), None, None)  # type: ignore[arg-type]
    assert parsed(file.read_text())['imagemill_queue_depth{stage="read"}'] == 1
    with exported(metrics, job(metrics_file=str(file))):
        pass
    assert parsed(file.read_text())['imagemill_queue_depth{stage="read"}'] == 0


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(BadInput, match="No such file or directory; choose another"),
        exported(Metrics(1), job(metrics_file=f"{tmp_path}/none/a.prom")),
    ):
        pass


def test_the_dashboard_shows_figures_that_there_are() -> None:
    board = json.loads((ROOT / "deployments/grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    metrics = Metrics(1, lambda: 1)
    known = {family.name for family in metrics.registry.collect()}
    assert len(known) == 8
    for name in known:
        assert name in asked, f"{name} is on no panel"
