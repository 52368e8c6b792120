import os
import time
from pathlib import Path

import pytest

from flows.watch import list_inbox
from tasks.runfolder.errors import BadInput


def test_prompts_files_of_a_folder_are_known_by_their_content(tmp_path: Path) -> None:
    for name in ("b.csv", "a.parquet", "notes.pdf", ".hidden.csv", "_SUCCESS"):
        (tmp_path / name).write_text("text\na cat\n")
    (tmp_path / "folder.csv").mkdir()
    first = list(list_inbox(str(tmp_path)))
    assert [file.url for file in first] == [f"{tmp_path}/a.parquet", f"{tmp_path}/b.csv"]
    assert first == list(list_inbox(str(tmp_path)))
    (tmp_path / "b.csv").write_text("text\na dog\n")
    os.utime(tmp_path / "b.csv", (time.time() + 5, time.time() + 5))
    again = list(list_inbox(str(tmp_path)))
    assert again[0].run == first[0].run
    assert again[1].run != first[1].run


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert list(list_inbox(str(tmp_path / "inbox"))) == []


def test_a_place_that_cannot_be_listed_is_refused() -> None:
    with pytest.raises(BadInput, match="no storage called nowhere"):
        list(list_inbox("nowhere://inbox"))
