"""Lanes on one machine: the same bytes as one, and what takes a lane down costs no row."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.render import PIPELINE
from tests.flows.faulty import ALWAYS_KILLED, BREAK_WITH_A_ROW, FAIL_ONCE, HANG_ONCE
from tests.integration.runs import Outcome, snapshot, table, write_prompts

pytestmark = pytest.mark.slow
Mill = Callable[..., Outcome]
ROWS = 40
OPTIONS = ("--generator", "dummy", "--shard-size", 4, "--width", 32, "--height", 32, "--no-report", "--json")


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "faults").mkdir()
    monkeypatch.setenv("FAULTS", str(tmp_path / "faults"))
    return write_prompts(str(tmp_path / "prompts.parquet"), ROWS)


def test_lanes_that_are_killed_or_whose_device_breaks_or_hangs_are_replaced(
    imagemill: Mill, prompts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, faulty = tmp_path / "undisturbed", tmp_path / "faulty"
    assert imagemill("render", prompts, "--out", undisturbed, *OPTIONS).code == 0
    monkeypatch.setattr("flows.render.PIPELINE", (HANG_ONCE, *PIPELINE[:-1], FAIL_ONCE, PIPELINE[-1]))
    done = imagemill("render", prompts, "--out", faulty, *OPTIONS, "--lanes", 2, "--batch-timeout", 3)
    assert done.code == 0, done.err
    assert json.loads(done.out)["quarantined"] == 0
    marks = {path.name.split()[0] for path in (tmp_path / "faults").iterdir()}
    assert marks == {"lane", "killed", "broken", "hung"}
    assert len(list((tmp_path / "faults").glob("lane *"))) >= 2
    assert table(str(faulty), "metadata").num_rows == ROWS
    assert snapshot(str(faulty)) == snapshot(str(undisturbed))


def test_a_shard_that_ends_every_lane_ends_the_run_with_a_sentence(
    imagemill: Mill, prompts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.render.PIPELINE", (*PIPELINE[:-1], ALWAYS_KILLED, PIPELINE[-1]))
    done = imagemill("render", prompts, "--out", tmp_path / "run", *OPTIONS, "--lanes", 2)
    assert done.code == 1
    assert ": the process ended 5 times" in done.err
    assert "Traceback" not in done.err


def test_a_row_that_breaks_every_lanes_device_is_quarantined_alone(
    imagemill: Mill, prompts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.render.PIPELINE", (PIPELINE[0], BREAK_WITH_A_ROW, *PIPELINE[1:]))
    done = imagemill("render", prompts, "--out", tmp_path / "run", *OPTIONS, "--lanes", 2)
    assert done.code == 3, done.err
    failed = table(str(tmp_path / "run"), "quarantine")
    assert failed["row"].to_pylist() == [5] and failed["stage"].to_pylist() == ["generate"]
    assert table(str(tmp_path / "run"), "metadata").num_rows == ROWS - 1
    assert not list((tmp_path / "run").glob("faults/*"))
    sizes = [int(path.name.split()[-1]) for path in (tmp_path / "faults").iterdir()]
    assert sorted(sizes) == [1, 1, 4]
