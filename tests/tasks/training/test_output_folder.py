"""A training's folder: it goes on as it began, alone."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from models.checkpoint import save_tensors
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import StorageError
from tasks.training.output_folder import STATE, failures_told, lock_output_folder


class Job(BaseModel):
    steps: int = 2
    every: int = 1


def test_what_may_differ_differs_and_what_may_not_is_named(tmp_path: Path) -> None:
    with lock_output_folder(tmp_path / "out", Job(steps=9), {"every"}):
        pass  # it was refused before it learned anything
    with lock_output_folder(tmp_path / "out", Job(), {"every"}):
        (tmp_path / "out" / STATE).touch()
    with lock_output_folder(tmp_path / "out", Job(every=5), {"every"}):
        pass
    with (
        pytest.raises(BadInput, match=r"other settings \(--steps was 2\)"),
        lock_output_folder(tmp_path / "out", Job(steps=3), {"every"}),
    ):
        pass


def test_it_goes_on_with_the_data_that_it_began_with(tmp_path: Path) -> None:
    for data in ("a", "b"):  # nothing was learned of the first
        with lock_output_folder(tmp_path, Job(), set(), data):
            pass
    (tmp_path / STATE).touch()
    with lock_output_folder(tmp_path, Job(), set(), "b"):
        pass
    with pytest.raises(BadInput, match="on other data"), lock_output_folder(tmp_path, Job(), set(), "a"):
        pass


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"cannot be written .*run the same command"),
        failures_told(tmp_path),
        lock_output_folder(tmp_path, Job(), set()),
    ):
        save_tensors(tmp_path / "none" / STATE, {})


def test_two_at_once_and_folders_that_are_no_training_s_are_refused(tmp_path: Path) -> None:
    with (
        lock_output_folder(tmp_path, Job(), set()),
        pytest.raises(BadInput, match="wait for it"),
        lock_output_folder(tmp_path, Job(), set()),
    ):
        pass
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").touch()
    with pytest.raises(BadInput, match="holds a model"), lock_output_folder(tmp_path / "model", Job(), set()):
        pass
    with (
        pytest.raises(BadInput, match="a file stands"),
        failures_told(tmp_path),
        lock_output_folder(tmp_path / "model" / "config.json", Job(), set()),
    ):
        pass
