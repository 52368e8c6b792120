"""What is refused, or found done, before Prefect and the models are imported."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.jobs.render import RenderJob
from flows.plans.early import finished_early, refuse_early
from flows.plans.render import Plan
from tasks.runfolder.errors import BadInput, Busy
from tasks.runfolder.lock import WHOLE, working
from tasks.runfolder.record import open_record
from tasks.runfolder.storage import Storage
from tests.tasks.run_folder import make_run

IMPORTED = """
import sys
from flows.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print([name for name in ("prefect", "torch") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts, and the folder of a run that has made all of them."""
    place = tmp_path_factory.mktemp("done")
    (place / "p.csv").write_text("text\na cat\na dog\n")
    record = Plan(job(place), place / "spool").record()
    run = make_run(place / "run", 2, picture=None)
    (run / "run.json").unlink()
    open_record(Storage(str(run)), record, resume=True)
    (run / "report").mkdir()
    (run / "report/index.html").write_text("<p>pictures")
    return place


@pytest.fixture
def place(done: Path, tmp_path: Path) -> Path:
    return shutil.copytree(done, tmp_path / "done")


def job(place: Path, **options: object) -> RenderJob:
    return RenderJob(prompts=str(place / "p.csv"), out=str(place / "run"), **options)  # type: ignore[arg-type]


def test_a_run_that_is_complete_is_told_without_models(place: Path) -> None:
    summary = finished_early(job(place))
    assert summary is not None
    assert (summary.rows, summary.pictures, summary.rows_done_before, summary.exit_code) == (2, 2, 2, 0)
    assert summary.report == f"{place}/run/report/index.html"


@pytest.mark.parametrize("missing", ["metadata/00000.parquet", "report/index.html", "run.json"])
def test_what_is_missing_is_left_to_the_run(place: Path, missing: str) -> None:
    (place / "run" / missing).unlink()
    assert finished_early(job(place)) is None


@pytest.mark.parametrize(
    "options", [{"join": True}, {"metrics_port": 9000}, {"generator": "dummy", "seed": 0}, {"encoder": "minilm"}]
)
def test_what_cannot_be_told_yet_is_left_to_the_run_or_refused(place: Path, options: dict[str, object]) -> None:
    try:
        assert finished_early(job(place, **options)) is None
    except BadInput as refused:
        assert next(iter(options)) in str(refused)


def test_changed_options_prompts_and_no_resume_are_refused(place: Path) -> None:
    with pytest.raises(BadInput, match="job seed: 0 then, 5 now"):
        finished_early(job(place, seed=5))
    with pytest.raises(BadInput, match="there is a run already"):
        finished_early(job(place, resume=False))
    (place / "p.csv").write_text("text\na cat\na cow\n")
    with pytest.raises(BadInput, match=r"changed: p\.csv"):
        finished_early(job(place))


def test_a_folder_in_use_is_refused_and_left_as_it_is(place: Path) -> None:
    refuse_early(job(place), f"{place}/run")
    before = sorted(place.rglob("*"))
    with working(Storage(f"{place}/run"), WHOLE), pytest.raises(Busy, match="another run is writing here"):
        refuse_early(job(place), f"{place}/run")
    refuse_early(job(place), f"{place}/run")
    assert sorted(path for path in place.rglob("*") if path.name != ".run.lock") == before


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["no.csv"], 2, "no such file or folder"),
        (["p.csv", "--seed", "3"], 2, "job seed: 0 then, 3 now"),
        (["p.csv"], 0, "nothing to do: all of 2 rows were done before"),
    ],
)
def test_neither_prefect_nor_torch_is_imported_for_it(place: Path, options: list[str], code: int, words: str) -> None:
    arguments = ["render", f"{place}/{options[0]}", "--out", f"{place}/run", *options[1:]]
    alone = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}  # of other tests' server
    run = [sys.executable, "-c", IMPORTED, *arguments]
    told = subprocess.run(run, capture_output=True, text=True, check=False, env=alone)
    assert (told.returncode, told.stdout.splitlines()[-1]) == (code, "[]"), told.stderr
    assert words in told.stderr
