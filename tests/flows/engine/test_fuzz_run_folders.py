"""Whatever is damaged in a run folder: it is read as far as it is whole, or refused in one sentence."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.engine.inspection import inspect_run
from flows.jobs.render import RenderJob
from flows.lanes.pending import ToDo
from tasks.prompts.shards import Shard
from tasks.report.page import write_report
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import open_record, read_record
from tasks.runfolder.storage import Storage, StorageError
from tests.fuzzing import CHANGES, ODD, Changes, altered, damaged, fuzzed
from tests.tasks.run_folder import make_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    return make_run(folder, 6, shard=3, failures=[("read", "The text is missing.", None)])


def use(run: Path) -> None:
    """All that reads a run folder, each of which may refuse it."""
    out = Storage(str(run))
    job = RenderJob(prompts="a.parquet", out=str(run), retry_quarantined=True)
    shards = [Shard(0, 0, 3), Shard(1, 3, 3)]
    record = read_record(Storage(str(run.parent / "whole")))
    assert record is not None
    for read in (
        lambda: inspect_run(str(run)).lines(),
        lambda: open_record(out, record, resume=True),
        lambda: list(ToDo(job, lambda: iter(shards), out, lambda outcome: None).of(iter(shards))),
        lambda: write_report(out, ["read", "generate", "write"]),
    ):
        try:
            read()
        except (BadInput, StorageError) as error:
            assert "\n" not in str(error)
            assert str(run) in str(error)


def is_read_or_refused(whole: Path, which: int, change: Callable[[Path], bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        run = Path(name, "run")
        shutil.copytree(whole, run)
        shutil.copytree(whole, Path(name, "whole"))
        files = sorted(file for file in run.rglob("*") if file.is_file())
        file = files[which % len(files)]
        file.write_bytes(change(file))
        use(run)


@fuzzed(2)
@given(st.integers(0, 30), CHANGES)
def test_damaged_run_folders(whole: Path, which: int, changes: Changes) -> None:
    is_read_or_refused(whole, which, lambda file: damaged(file.read_bytes(), changes))


@fuzzed(2)
@given(st.integers(0, 2), st.floats(0, 1, exclude_max=True), ODD)
def test_odd_records(whole: Path, which: int, place: float, value: Any) -> None:
    files = sorted([*whole.rglob("*.json")])
    number = sorted(file for file in whole.rglob("*") if file.is_file()).index(files[which % len(files)])
    is_read_or_refused(whole, number, lambda file: altered(file.read_bytes(), place, value))


def test_a_whole_run_folder_is_read(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    assert inspect_run(str(tmp_path / "run")).shards_complete == 2
