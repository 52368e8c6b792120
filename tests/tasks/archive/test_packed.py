"""Packed archives as they come from a hospital are read where they lie, each file as if it lay in a folder."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tasks.archive.listing import Archive
from tasks.archive.packed import ArchiveStorage
from tasks.imaging.refused import Refused
from tasks.runfolder.storage import Storage
from tests.integration.runs import table
from tests.tasks.archive.test_large_files import NAMES, put, run
from tests.tasks.dicom.samples import sample

FILES = {"DICOM/a.dcm": sample("CT_small.dcm"), "DICOM/b.dcm": sample("MR_small.dcm"), "c.txt": b"Zzmother"}


def zipped(password: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in FILES.items():
            packed.writestr(name, data)
    data = bytearray(out.getvalue())
    if password:  # the mark alone, in both places of each file
        for start, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            place = -1
            while (place := data.find(start, place + 1)) >= 0:
                data[place + at] |= 1
    return bytes(data)


def tarred(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as packed:  # type: ignore[call-overload]
        folder = tarfile.TarInfo("DICOM")
        folder.type = tarfile.DIRTYPE
        packed.addfile(folder)
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return out.getvalue()


PACKED = {
    "export.zip": zipped(),
    "export.tar": tarred("w"),
    "EXPORT.TAR.GZ": tarred("w:gz"),
    "export.tgz": tarred("w:gz"),
}


@pytest.mark.parametrize("name", PACKED)
def test_files_of_a_packed_archive_are_made_and_named(name: str, tmp_path: Path) -> None:
    put(tmp_path, name, PACKED[name])
    out = run(tmp_path, "run", "")
    assert sorted(table(out.url(), "metadata")["modality"].to_pylist()) == ["CT", "MR"]
    assert table(out.url(), "quarantine")["stage"].to_pylist() == ["skip"]
    archive = Archive(str(tmp_path / "archive"), tmp_path, None, NAMES)
    assert set(archive.locate(range(3)).values()) == {f"{name}!/{file}" for file in FILES}
    for file, data in FILES.items():
        assert archive.storage.read(f"{name}!/{file}") == data
        with archive.storage.open(f"{name}!/{file}") as opened:
            assert opened.read() == data


@pytest.mark.parametrize("name", PACKED)
def test_packed_archive_may_be_named_itself(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(PACKED[name])
    archive = Archive(str(tmp_path / name), tmp_path, None, NAMES)
    assert archive.rows == 3
    for path, size in (file for shard in archive.list_shards() for file in shard.files):
        assert len(archive.storage.read(path)) == size


def test_tar_is_read_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.archive.packed.AHEAD", 50_000)
    (tmp_path / "a.tgz").write_bytes(PACKED["export.tgz"])
    storage = ArchiveStorage(str(tmp_path))
    for file in ("c.txt", "DICOM/b.dcm", "DICOM/a.dcm", "DICOM/a.dcm", "c.txt"):
        assert storage.read(f"a.tgz!/{file}") == FILES[file]
    with pytest.raises(Refused, match="gone"):
        storage.read("a.tgz!/another")


def test_damaged_or_encrypted_ones_lose_nothing_silently(tmp_path: Path) -> None:
    put(tmp_path, "cut.zip", PACKED["export.zip"][:-60])
    put(tmp_path, "cut.tgz", PACKED["export.tgz"][:20_000])
    put(tmp_path, "locked.zip", zipped(password=True))
    out = run(tmp_path, "run", "")
    aside = table(out.url(), "quarantine").to_pylist()
    assert table(out.url(), "metadata").num_rows == 0
    assert len(aside) == 2 + len(FILES)
    assert sum("encrypted" in row["error"] for row in aside) == len(FILES)
    assert sum("a damaged packed archive" in row["error"] for row in aside) == 2


def test_ordinary_files_are_read_as_ever(tmp_path: Path) -> None:
    (tmp_path / "a.zip.txt").write_bytes(b"a")
    assert ArchiveStorage(str(tmp_path)).read("a.zip.txt") == Storage(str(tmp_path)).read("a.zip.txt") == b"a"
