"""Whether company changes a picture is asked of real runs, here two with a tiny network on the CPU."""

from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from benchmarks import gpu_identity
from benchmarks.gpu_report import Report
from flows.engine import local_server


@pytest.mark.slow
def test_a_picture_that_differs_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local_server.configure()
    local_server.wait_for_server()
    ways = {"alone": {"window": 1, "shard_size": 3}, "in company": {"window": 4, "shard_size": 8}}
    monkeypatch.setattr(gpu_identity, "WAYS", ways)
    monkeypatch.setattr(gpu_identity, "ROWS", 8)
    monkeypatch.setattr(gpu_identity, "CHAINS", ("contrast:1.1",))
    report = Report(tmp_path / "gpu.json", "cpu", seconds=300)
    report.part("identity", 300, lambda: gpu_identity.identity(report, "cpu", tmp_path))
    found = report.content["identity"]
    assert found["same bytes"] and found["contrast:1.1, in company"] == {"pictures": 8, "differ": 0}
    made = {"other": {"00000000-0": "another digest"}}
    assert gpu_identity._differ("cpu", tmp_path, "", "alone", made)["differ"] == 8
