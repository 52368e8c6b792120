"""losses.csv: standard CSV for every family, and the same after a kill as without."""

import csv
from pathlib import Path

import pytest

from tasks.training.losses_log import log_losses


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_is_the_mean_of_each_loss_since_the_row_before(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    log_losses(path, 2, [{"picture": 1.0, "text": 4.0}, {"picture": 2.0, "text": 6.0}])
    log_losses(path, 4, [{"picture": 0.5, "text": 1.0}])
    assert path.read_text().splitlines() == ["step,picture,text", "2,1.50000,5.00000", "4,0.50000,1.00000"]


def test_a_loss_that_some_steps_lack_is_averaged_over_the_others_and_leaves_a_cell_empty(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    log_losses(path, 1, [{"there": 1.0}])
    log_losses(path, 3, [{"there": 1.0}, {"there": 3.0, "concept": 5.0}])
    assert read(path) == [
        {"step": "1", "there": "1.00000", "concept": ""},
        {"step": "3", "there": "2.00000", "concept": "5.00000"},
    ]


def test_steps_that_are_taken_again_after_a_kill_stand_there_once(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    for step, loss in ((2, 1.0), (4, 0.5), (4, 0.25)):  # killed between the row of step 4 and its state
        log_losses(path, step, [{"loss": loss}])
    assert [(row["step"], row["loss"]) for row in read(path)] == [("2", "1.00000"), ("4", "0.25000")]


@pytest.mark.parametrize("before", ["100,picture=0.3,text=0.7\n", "100,0.12345\n"])
def test_a_log_of_an_earlier_version_is_set_aside(before: str, tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text(before)
    log_losses(path, 200, [{"loss": 1.0}])
    assert [row["step"] for row in read(path)] == ["200"]
    assert (tmp_path / "losses-before.csv").read_text() == before
