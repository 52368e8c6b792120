"""The results are searched for the source's identifiers: all that is planted is found, and nothing of it is told."""

import base64
import gzip
import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin
from pydicom import Dataset, dcmread

from tasks.archive.listing import Archive
from tasks.runfolder.storage import Storage
from tasks.verification.identifiers import Identifier
from tasks.verification.search import Search
from tasks.verification.verify import Verification, read_identifiers, verify
from tests.tasks.archive.test_large_files import NAMES, put, run
from tests.tasks.dicom.samples import Identity, plant, sample
from tests.tasks.imaging.test_burned_in import burn

WHO = Identity(7)


def search_for(*texts: str) -> Search:
    return Search({Identifier("PatientName", text): [3] for text in texts})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, Storage]:
    """An archive of two files with an identity, and its results."""
    folder = tmp_path_factory.mktemp("archive")
    put(folder, f"{WHO.family}.dcm", plant(sample("CT_small.dcm"), WHO))
    info, out = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("Comment", f"of {WHO.given} in {WHO.institution}")
    Image.fromarray(np.full((40, 60), 90, np.uint8)).save(out, "PNG", pnginfo=info)
    put(folder, "one.png", out.getvalue())
    return Archive(str(folder / "archive"), folder, None, NAMES), run(folder, "run", "")


def test_results_of_an_archive_hold_none_of_its_identifiers(made: tuple[Archive, Storage]) -> None:
    archive, out = made
    found = read_identifiers(archive)
    texts = {identifier.text for identifier in found}
    assert {WHO.family, WHO.given, WHO.id, WHO.accession, WHO.birth, f"{WHO.root}.1"} <= texts
    assert f"of {WHO.given} in {WHO.institution}" in texts, "what stands beside the pixels of a PNG, too"
    told = verify(Search(found), out)
    assert told.found == 0
    assert (told.files, told.pictures_read, told.pictures_with_text) == (6, 2, 0)
    assert told.lines()[0].startswith(f"none of {told.identifiers:,} identifiers in 6 files")


def test_every_identifier_of_the_source_is_found_in_the_source(made: tuple[Archive, Storage]) -> None:
    """Where identities were kept, the search must find them: else it could find nothing ever."""
    archive, _ = made
    found = read_identifiers(archive)
    search = Search(found)
    told = verify(search, archive.storage, read_pixels=False)
    elements = {place.element for place in told.places}
    assert {"PatientName", "PatientID", "AccessionNumber", "StudyInstanceUID", "PatientBirthDate"} <= elements
    assert {"ImageComments", "text of a PNG"} <= elements
    assert any(element.startswith("private (0029,") for element in elements)


def table_of(text: str) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"note": [None, f"about {text}"]}), out, compression="zstd")
    return out.getvalue()


def page_of(text: str) -> bytes:
    return b"<script>" + base64.b64encode(gzip.compress(f"{text} {list(range(99))}".encode())) + b"</script>"


def png_of(text: str) -> bytes:
    info, out = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("note", text, zip=True)
    Image.new("L", (9, 9)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def object_of(text: str) -> bytes:
    dataset = dcmread(io.BytesIO(sample("CT_small.dcm")))
    dataset.SpecificCharacterSet = "GB18030"
    dataset.RequestAttributesSequence = [Dataset()]
    dataset.RequestAttributesSequence[0].ScheduledProcedureStepDescription = text
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize("name", ["Zzyquist", "ZZYQUIST", "王小东", "Öztürk", "김민수", "PID-00007-X91"])
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metadata/0.parquet", table_of),
        ("report/index.html", page_of),
        ("images/0/a.png", png_of),
        ("images/0/a.dcm", object_of),
        ("run.json", lambda text: json.dumps({"a": f"x{text}y"}, ensure_ascii=False).encode()),
        ("a.txt", lambda text: b"\x01" + f"x{text}y".encode("utf-16-le")),
        ("a.bin", lambda text: b"\0" * 9 + f"Zzyalpha {text}".encode()),
    ],
)
def test_planted_identifier_is_found_and_not_told(file: str, content: object, name: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(content(name))  # type: ignore[operator]
    told = verify(search_for(name), Storage(str(tmp_path)), read_pixels=False)
    assert [place.element for place in told.places[:1]] == ["PatientName"]
    assert told.places[0].row == 3
    assert name not in str(asdict(told))
    assert name not in "\n".join(told.lines())


def test_name_of_a_file_is_not_told_either(tmp_path: Path) -> None:
    (tmp_path / "Zzyquist.txt").write_bytes(b"nothing")
    told = verify(search_for("zzyquist"), Storage(str(tmp_path)))
    assert [(place.file, place.where) for place in told.places] == [("file 1 of the run", "name")]
    assert "zzyquist" not in str(asdict(told)).lower()


@pytest.mark.parametrize("mirrored", [False, True])
def test_identifier_among_the_pixels_is_read(mirrored: bool, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    picture = burn(np.full((120, 300, 1), 20, np.uint8), "ZZYQUIST 8842", 230, 24)
    Image.fromarray((picture[:, ::-1] if mirrored else picture)[..., 0]).save(tmp_path / "images" / "a.png")
    told = verify(search_for("Zzyquist"), Storage(str(tmp_path)))
    assert [place.where for place in told.places] == ["pixels"]
    assert told.pictures_with_text == 1


def test_what_cannot_be_told_from_other_text_is_counted() -> None:
    search = Search({Identifier("PatientID", "12"): [0], Identifier("PatientName", "Patient"): [0, 1]})
    assert (search.count, search.indistinct) == (0, {"PatientID": 1, "PatientName": 1})
    assert list(search.occur(b"patient 12")) == []
    assert "not sought" in Verification(indistinct=dict(search.indistinct)).lines()[-1]


def test_number_within_a_longer_one_is_none() -> None:
    search = search_for("19430203")
    assert list(search.occur(b"2.25.1194302034")) == []
    assert list(search.occur(b"on 19430203")) == [0]
