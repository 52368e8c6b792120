"""Files of a shard: what cannot be had is put aside with its reason."""

import io
import os
from pathlib import Path

import pytest
from pydicom import dcmread

from tasks.archive.image_file import ArchiveImage
from tasks.archive.listing import Archive
from tasks.archive.shard_state import fetch, read, why
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.imaging.refused import Refused
from tasks.runfolder.storage import Storage, StorageError
from tests.tasks.dicom.samples import sample

NAMES = Pseudonyms("k" * 64)


def test_a_link_that_leads_nowhere_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "lost.dcm").symlink_to(tmp_path / "nowhere")
    archive = Archive(str(tmp_path / "archive"), tmp_path, None, NAMES)
    work = read(next(archive.list_shards()), archive.storage, NAMES, False)
    assert [(r.row, r.stage, r.error) for r in work.failures] == [
        (0, "open", "it was gone when its turn came, or is a link that leads nowhere")
    ]


def test_links_to_pipes_and_devices_are_left_out(tmp_path: Path) -> None:
    """One would never answer, the other would fill the memory."""
    (tmp_path / "archive").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "archive" / "a.dcm").symlink_to(tmp_path / "pipe")
    (tmp_path / "archive" / "b.dcm").symlink_to("/dev/zero")
    archive = Archive(str(tmp_path / "archive"), tmp_path, None, NAMES)
    work = read(next(archive.list_shards()), archive.storage, NAMES, False)
    reason = "not a regular file but a pipe, socket or device"
    assert [(r.row, r.stage, r.error) for r in work.failures] == [(0, "skip", reason), (1, "skip", reason)]


def test_a_file_that_cannot_be_read_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "Zzyquist.dcm").mkdir()
    with pytest.raises(StorageError, match=r"its file at row 3 cannot be read \(IsADirectoryError\)") as failure:
        fetch(Storage(str(tmp_path)), "Zzyquist.dcm", 3)
    assert "Zzyquist" not in str(failure.value)


def test_a_kept_name_that_is_no_text_is_written_with_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / os.fsdecode(b"M\xfcller.txt")).write_bytes(b"")
    archive = Archive(str(tmp_path / "archive"), tmp_path, None, NAMES)
    work = read(next(archive.list_shards()), archive.storage, NAMES, True)
    assert [(file.source, file.data) for file in work.items] == [("M\\udcfcller.txt", b"")]


def test_a_class_that_is_not_the_standard_s_is_not_quoted() -> None:
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    dataset.SOPClassUID = "1.2.3.19430203"
    out = io.BytesIO()
    dataset.save_as(out)
    assert ArchiveImage(0, "", out.getvalue()).columns()["object"] == "an object of a class that is not the standard's"


def test_an_empty_file_is_no_sound_file() -> None:
    with pytest.raises(Refused, match="the file has no bytes") as refusal:
        ArchiveImage(0, "", b"")
    assert refusal.value.stage == "open"


def test_a_broken_device_is_no_fault_of_a_file() -> None:
    with pytest.raises(RuntimeError, match="illegal memory access"):
        why(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert why(RuntimeError("no such window")) == ("reprocess", "it fails with RuntimeError")
