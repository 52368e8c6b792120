"""A run writes into a folder that is new, empty or its own, and into nothing else."""

from pathlib import Path

import pytest

from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import check_out


def test_new_empty_and_own_folders_are_taken(tmp_path: Path) -> None:
    check_out(str(tmp_path / "new" / "run"))
    check_out(str(tmp_path))
    (tmp_path / ".run.lock").touch()
    (tmp_path / "run.lock").touch()
    check_out(str(tmp_path))
    (tmp_path / "run.json").touch()
    (tmp_path / "images").mkdir()
    check_out(str(tmp_path))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_folder_of_other_things_is_refused_by_one_of_them(kind: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir() if kind == "folder" else (tmp_path / "photos").touch()
    with pytest.raises(BadInput, match=r"holds no imagemill run \(there is photos\); choose another"):
        check_out(str(tmp_path))


@pytest.mark.parametrize("url", ["", " ", "/", "//", "file:///", "s3://"])
def test_what_names_no_folder_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="names no folder, or the root of the file system"):
        check_out(url)


def test_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(BadInput, match="a file stands where a folder is wanted"):
        check_out(str(tmp_path / "run"))
