from pathlib import Path
from typing import Any

import pytest

from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import open_record, read_record
from tasks.runfolder.storage import Storage

RECORD: dict[str, Any] = {
    "job": {"seed": 0, "enhance": ""},
    "input": {"rows": 3, "sha256": "a"},
    "encoder": None,
    "generator": {"name": "dummy", "digest": "d"},
    "shard_size": 16,
    "shards": 1,
    "versions": {"torch": "2"},
}


@pytest.fixture
def out(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "run"))


def test_a_new_run_is_recorded_and_the_same_one_carries_on(out: Storage) -> None:
    open_record(out, RECORD, resume=True)
    open_record(out, RECORD, resume=True)
    assert read_record(out) == RECORD


def test_a_folder_without_a_run_has_no_record(out: Storage) -> None:
    assert read_record(out) is None


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("job", {"seed": 1}, "job seed: 0 then, 1 now"),
        ("input", {"sha256": "b"}, "input sha256: 'a' then, 'b' now"),
        ("generator", {"digest": "e"}, "generator digest"),
        ("encoder", {"name": "gemma"}, "encoder name: None then, 'gemma' now"),
    ],
)
def test_another_run_is_refused_with_what_differs(out: Storage, part: str, change: dict[str, Any], words: str) -> None:
    open_record(out, RECORD, resume=True)
    with pytest.raises(BadInput, match=words):
        open_record(out, {**RECORD, part: {**(RECORD[part] or {}), **change}}, resume=True)


def test_new_versions_do_not_stop_a_run(out: Storage) -> None:
    open_record(out, RECORD, resume=True)
    open_record(out, {**RECORD, "versions": {"torch": "3"}}, resume=True)


def test_without_resume_a_run_is_not_touched(out: Storage) -> None:
    open_record(out, RECORD, resume=True)
    with pytest.raises(BadInput, match="there is a run already"):
        open_record(out, RECORD, resume=False)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"job": {}}', b"\xff"])
def test_a_foreign_run_json_is_refused(out: Storage, content: bytes) -> None:
    out.write("run.json", content)
    with pytest.raises(BadInput, match="not a record"):
        open_record(out, RECORD, resume=True)


def test_files_that_changed_are_named(out: Storage) -> None:
    files = {"a.csv": "1", "b.csv": "2", "c.csv": "3"}
    open_record(out, {**RECORD, "files": files}, resume=True)
    changed = {**RECORD, "input": {"rows": 3, "sha256": "b"}, "files": {"a.csv": "1", "b.csv": "9", "d.csv": "4"}}
    with pytest.raises(BadInput, match=r"gone: c.csv; new: d.csv; changed: b.csv"):
        open_record(out, changed, resume=True)


def test_a_run_that_recorded_paths_of_files_is_the_same_run(out: Storage) -> None:
    older = {"seed": 0, "enhance": "palette:/home/amy/warm.png@0.7", "enhance files": {"/home/amy/warm.png": "d" * 64}}
    newer = {"seed": 0, "enhance": "palette:warm.png@0.7", "enhance files": {"warm.png": "d" * 64}}
    open_record(out, {**RECORD, "job": older}, resume=True)
    open_record(out, {**RECORD, "job": newer}, resume=True)
    with pytest.raises(BadInput, match="enhance files"):
        open_record(out, {**RECORD, "job": {**newer, "enhance files": {"warm.png": "e" * 64}}}, resume=True)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[]", b'"x"', b"{}", b'{"job": 3}', b"\xff", b""])
def test_a_tampered_record_is_a_sentence(content: bytes, out: Storage) -> None:
    out.write("run.json", content)
    with pytest.raises(BadInput, match="not a record of an imagemill run"):
        read_record(out)
