"""An export of Label Studio becomes votes, once."""

import json
from pathlib import Path

import pytest

from flows.cli.review import review
from tasks.feedback.pictures import pairs_of, run_pictures
from tasks.feedback.votes import read_feedback
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage
from tests.tasks.run_folder import make_run, picture_id

EXPORT = [
    {
        "id": 1,
        "data": {"image": "http://localhost:8080/data/local-files/?d={0}"},
        "annotations": [
            {"id": 5, "completed_by": 2, "result": [{"type": "rating", "value": {"rating": 4}}]},
            {"id": 6, "was_cancelled": True, "result": [{"type": "rating", "value": {"rating": 1}}]},
        ],
    },
    {
        "id": 2,
        "data": {"image_0": "{0}", "image_1": "{1}"},
        "annotations": [{"id": 7, "result": [{"type": "pairwise", "value": {"selected": "right"}}]}],
    },
]


def export(folder: Path) -> Path:
    tasks = json.loads(json.dumps(EXPORT))
    ids = [picture_id(0), picture_id(1)]
    tasks[0]["data"]["image"] = ids[0]
    tasks[1]["data"] = {"image_0": ids[0], "image_1": ids[1]}
    file = folder / "export.json"
    file.write_text(json.dumps(tasks))
    return file


def test_an_export_is_read_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "run", pictures=8)
    for _ in range(2):
        assert review(str(tmp_path / "run"), label_studio=export(tmp_path)) == 0
    assert "0 votes, 2 known already" in capsys.readouterr().out
    run = Storage(str(tmp_path / "run"))
    assert read_feedback(run, "ratings")["stars"].to_pylist() == [4]
    assert read_feedback(run, "pairs")["label_1"].to_pylist() == [1]


def test_what_is_no_export_or_of_another_run_is_a_sentence(tmp_path: Path) -> None:
    make_run(tmp_path / "run", pictures=1)
    file = tmp_path / "odd.json"
    for content, told in (("[1]", "not an export"), ("{", "not an export"), ("{}", "not an export"), ("[]", "")):
        file.write_text(content)
        if told:
            with pytest.raises(BadInput, match=told):
                review(str(tmp_path / "run"), label_studio=file)
    with pytest.raises(BadInput, match="that the run has not"):
        review(str(tmp_path / "run"), label_studio=export(tmp_path))
    with pytest.raises(BadInput, match="there is no run here"):
        review(str(tmp_path / "nothing"), label_studio=file)


def test_uploaded_files_have_a_code_before_their_names(tmp_path: Path) -> None:
    make_run(tmp_path / "run", pictures=1)
    (picture,) = run_pictures(Storage(str(tmp_path / "run"))).values()
    tasks = json.loads(json.dumps(EXPORT[:1]))
    tasks[0]["data"]["image"] = f"/data/upload/1/3fa85f64-{Path(picture.image).name}"
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    assert review(str(tmp_path / "run"), label_studio=tmp_path / "export.json") == 0
    assert read_feedback(Storage(str(tmp_path / "run")), "ratings")["stars"].to_pylist() == [4]


def test_pictures_of_one_text_are_compared(tmp_path: Path) -> None:
    make_run(tmp_path / "run", pictures=8)  # six texts
    assert pairs_of(run_pictures(Storage(str(tmp_path / "run")))) == [(0, 6), (1, 7)]
