"""Archives: one order, shards of bounded size, and no name in what is kept of them."""

from pathlib import Path

import pytest

from tasks.archive.listing import Archive, list_files
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.runfolder.errors import BadInput

NAMES = Pseudonyms("k" * 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/2.dcm", "b/10.dcm", "a/z.dcm", "a/deep/er/x.dcm", "top.dcm", "Ünï/ä b.dcm"):
        path = tmp_path / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100)
    return tmp_path / "archive"


def archive(folder: Path, **options: object) -> Archive:
    return Archive(str(folder), folder.parent, options.pop("size", None), NAMES)  # type: ignore[arg-type]


def test_order_is_that_of_names(folder: Path) -> None:
    found = [path for path, _, _ in list_files(str(folder))]
    assert found == ["a/deep/er/x.dcm", "a/z.dcm", "b/10.dcm", "b/2.dcm", "top.dcm", "Ünï/ä b.dcm"]


def test_shards_hold_every_file_once(folder: Path) -> None:
    made = archive(folder, size=4)
    shards = list(made.list_shards())
    assert (made.rows, made.bytes, made.shards) == (6, 600, 2)
    assert [(shard.row, shard.rows) for shard in shards] == [(0, 4), (4, 2)]
    assert [path for shard in shards for path, _ in shard.files] == [path for path, _, _ in list_files(str(folder))]


def test_shards_are_cut_by_bytes_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.archive.listing.SHARD_BYTES", 250)
    assert [shard.rows for shard in archive(folder).list_shards()] == [2, 2, 2]


def test_list_of_names_lies_in_no_file_that_a_kill_could_leave(folder: Path) -> None:
    made = archive(folder, size=2)
    first, second = made.list_shards(), made.list_shards()
    assert [(next(first).row, next(second).row) for _ in range(3)] == [(0, 0), (2, 2), (4, 4)]
    assert [path.name for path in folder.parent.iterdir()] == ["archive"]


def test_rows_are_found_again(folder: Path) -> None:
    assert archive(folder).locate([4, 0, 99]) == {0: "a/deep/er/x.dcm", 4: "top.dcm"}


def test_change_shows_in_the_fingerprint(folder: Path) -> None:
    before = archive(folder).fingerprint()
    assert archive(folder).fingerprint() == before
    (folder / "top.dcm").write_bytes(b"y" * 101)
    assert archive(folder).fingerprint()["digest"] != before["digest"]
    (folder / "b/2.dcm").rename(folder / "b/3.dcm")
    assert "top" not in str(archive(folder).fingerprint())


def test_no_archive_is_a_sentence(folder: Path) -> None:
    for wrong, words in ((folder / "none", "no such folder"), (folder / "top.dcm", "name the folder")):
        with pytest.raises(BadInput, match=words):
            archive(wrong)
    (folder / "empty").mkdir()
    with pytest.raises(BadInput, match="no files"):
        archive(folder / "empty")


def test_links_are_what_they_lead_to_and_end_where_they_lead_round(folder: Path) -> None:
    (folder / "a" / "link.dcm").symlink_to(folder / "b" / "2.dcm")
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "y.dcm").write_bytes(b"y" * 7)
    (elsewhere / "back").symlink_to(folder)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "lost.dcm").symlink_to(folder / "nowhere")
    found = {path: size for path, size, _ in list_files(str(folder))}
    assert len(found) == 6 + 3
    assert (found["a/link.dcm"], found["linked/y.dcm"], found["lost.dcm"]) == (100, 7, 0)
    before = archive(folder).fingerprint()
    (elsewhere / "y.dcm").write_bytes(b"z" * 8)
    assert archive(folder).fingerprint() != before
