"""What a run says of itself at its end: figures for Prometheus, its cost, and how good the estimate was."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.flows.engine.test_metrics import parsed
from tests.integration.runs import Outcome, names


def test_at_the_end_the_figures_are_those_of_the_summary(imagemill: Callable[..., Outcome], tmp_path: Path) -> None:
    pd.DataFrame({"text": ["a cat", "", "a dog", "a cow", ""]}).to_parquet(tmp_path / "prompts.parquet")
    options = ("--generator", "dummy", "--shard-size", 2, "--no-report", "--json")
    ran = imagemill(
        "render",
        tmp_path / "prompts.parquet",
        "--out",
        tmp_path / "run",
        *options,
        "--metrics-file",
        tmp_path / "a.prom",
    )
    assert ran.code == 3, ran.err
    summary, found = json.loads(ran.out), parsed((tmp_path / "a.prom").read_text())
    assert found["imagemill_pictures_total"] == summary["pictures"] == 3
    stages = {stage: found[f'imagemill_rows_quarantined_total{{stage="{stage}"}}'] for stage in summary["failed_at"]}
    assert stages == summary["failed_at"]
    assert sum(stages.values()) == summary["quarantined"] == 2
    for stage, seconds in summary["seconds"].items():
        assert found[f'imagemill_stage_seconds_total{{stage="{stage}"}}'] == pytest.approx(seconds)
    assert found["imagemill_device_seconds_total"] == pytest.approx(summary["device_seconds"])
    assert summary["device_seconds"] > 0
    assert found["imagemill_eta_seconds"] == 0


def test_an_estimate_from_a_sample_and_how_far_off_it_was(imagemill: Callable[..., Outcome], tmp_path: Path) -> None:
    rows, out = 60, str(tmp_path / "run")
    pd.DataFrame({"text": [f"a cat {i}" for i in range(rows)]}).to_parquet(tmp_path / "prompts.parquet")
    options = ("--generator", "dummy", "--count", 2, "--shard-size", 5, "--price-per-hour", 3.6)
    command = (tmp_path / "prompts.parquet", "--out", out, *options)
    told = imagemill("estimate", *command, "--sample", 12, "--json")
    assert told.code == 0, told.err
    estimate = json.loads(told.out)
    assert (estimate["rows"], estimate["pictures"]) == (rows, 2 * rows)
    assert estimate["money"] == pytest.approx(estimate["seconds"] * 0.001, abs=0.01)
    assert names(out) == {"estimate.json"}, "the sample's pictures are not kept"

    ran = imagemill("render", *command, "--json")
    assert ran.code == 0, ran.err
    summary = json.loads(ran.out)
    assert summary["estimated_seconds"] == pytest.approx(estimate["seconds"], abs=0.01)
    seconds = summary["seconds_start"] + summary["seconds_run"]
    assert summary["cost"] == pytest.approx(seconds * 0.001)
    assert summary["cost_a_thousand"] == pytest.approx(seconds * 0.001 / (2 * rows) * 1000)
    made = sum(path.stat().st_size for path in (tmp_path / "run/images").rglob("*.png"))
    assert 0.5 * made < estimate["bytes"] < 2 * made
    again = imagemill("render", *command)
    assert again.code == 0, again.err
    assert "it took" not in again.out, "this one did nothing"
    (run,) = [json.loads(line) for line in imagemill("runs", tmp_path, "--json").out.splitlines()]
    assert run["cost"] >= summary["cost"] * 0.99
    assert "Cost" in (tmp_path / "run/report/index.html").read_text()


def test_an_estimate_refuses_what_render_refuses(imagemill: Callable[..., Outcome], tmp_path: Path) -> None:
    imagemill("estimate", tmp_path / "none.parquet").refused("none.parquet")
