"""Which file a row of a run is: told only of the archive as the run found it, to who has the run's key."""

from pathlib import Path

import pytest

from flows.jobs.reprocess import ReprocessJob
from flows.plans.reprocess import ReprocessPlan, as_reprocessed
from tasks.dicom.pseudonyms import VARIABLE
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import open_record
from tasks.runfolder.storage import Storage


@pytest.fixture(params=[False, True], ids=["pseudonyms", "identities kept"])
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(VARIABLE, "k" * 64)
    for name in ("Abe/1.dcm", "Carl/1.dcm"):
        (tmp_path / "archive" / name).parent.mkdir(parents=True)
        (tmp_path / "archive" / name).write_bytes(b"x")
    job = ReprocessJob(archive=str(tmp_path / "archive"), out=str(tmp_path / "run"), keep_identity=request.param)
    open_record(Storage(job.out), ReprocessPlan(job, tmp_path).record(), resume=True)
    return job.out


def test_rows_are_found_again_in_the_archive_as_it_was(run: str, tmp_path: Path) -> None:
    assert as_reprocessed(str(tmp_path / "archive"), run, tmp_path).locate({1, 7}) == {1: "Carl/1.dcm"}


def test_an_archive_that_has_changed_is_refused(run: str, tmp_path: Path) -> None:
    added = tmp_path / "archive/Aaron.dcm"
    added.write_bytes(b"x")  # row 1 would be Abe's
    with pytest.raises(BadInput, match=r"not as the run .* found it \(2 files then, 3 now\)"):
        as_reprocessed(str(tmp_path / "archive"), run, tmp_path)
    (tmp_path / "archive/Abe/1.dcm").unlink()  # as many as then
    with pytest.raises(BadInput, match="other files"):
        as_reprocessed(str(tmp_path / "archive"), run, tmp_path)


def test_another_key_and_what_is_no_such_run_are_refused(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="there is no run of `imagemill reprocess`"):
        as_reprocessed(str(tmp_path / "archive"), str(tmp_path / "archive"), tmp_path)
    monkeypatch.setenv(VARIABLE, "l" * 64)
    if "pseudonym key" in (tmp_path / "run/run.json").read_text():
        with pytest.raises(BadInput, match="another key"):
            as_reprocessed(str(tmp_path / "archive"), run, tmp_path)
