"""Large pictures by strips: the same bytes as whole, and nothing half-written when one is refused."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydicom import dcmread

from tasks.archive.listing import Archive
from tasks.archive.process import Recipe, reprocess
from tasks.archive.shard_state import read, write
from tasks.dicom.pseudonyms import Pseudonyms
from tasks.enhance.chain import enhance, parse_chain, reach
from tasks.runfolder.storage import Storage
from tests.tasks.dicom.samples import sample
from tests.tasks.imaging.test_burned_in import burn

NAMES = Pseudonyms("k" * 64)


def run(folder: Path, name: str, text: str, rule: str = "header", keep_identity: bool = False) -> Storage:
    archive = Archive(str(folder / "archive"), folder, None, NAMES)
    out, chain = Storage(str(folder / name)), parse_chain(text)
    recipe = Recipe(
        text,
        lambda images: enhance(images, chain),
        reach(chain),
        archive.storage,
        out,
        NAMES,
        keep_identity,
        rule,
        "{}",  # type: ignore[arg-type]
    )
    for shard in archive.list_shards():
        work = read(shard, archive.storage, NAMES, keep_identity)
        reprocess(work, recipe)
        write(work, out)
    return out


@pytest.fixture
def by_strips(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("tasks.archive.large_files.LARGE", 1000)
    monkeypatch.setattr("tasks.archive.large_files.STRIP", 20_000)
    monkeypatch.setattr("tasks.archive.large_files.OVERLAP", 20)
    yield


def put(folder: Path, name: str, data: bytes) -> None:
    (folder / "archive").mkdir(exist_ok=True)
    (folder / "archive" / name).write_bytes(data)


def enlarged(name: str, rows: int, text: str = "") -> bytes:
    """A sample whose picture is repeated downwards to so many rows."""
    dataset = dcmread(io.BytesIO(sample(name)))
    pixels = np.tile(dataset.pixel_array, (-(-rows // dataset.Rows), 1))[:rows]
    if text:
        pixels = burn(pixels[..., None], text, int(pixels.max()), 20)[..., 0]
    dataset.Rows, dataset.PixelData = rows, pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "chain",
    [
        "",
        "sharpen:0.5",
        "denoise:0.3,sharpen:1,contrast:1.2",
        "window:0.6/0.5,sharpen:0.5",
        "sharpen:0.3,denoise-learned",
    ],
)
def test_same_bytes_as_whole(chain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("693_UNCI.dcm", "examples_overlay.dcm", "MR_small_implicit.dcm", "vlut_04.dcm", "mlut_18.dcm"):
        put(tmp_path, name, enlarged(name, 341))
    whole = run(tmp_path, "whole", chain)
    monkeypatch.setattr("tasks.archive.large_files.LARGE", 1000)
    monkeypatch.setattr("tasks.archive.large_files.STRIP", 20_000)
    strips = run(tmp_path, "strips", chain)
    made = {path: whole.read(path) for path in whole.list("images/00000")}
    parts = {
        path.split("/")[-1]: strips.read(path) for number in range(5) for path in strips.list(f"images/{number:05d}")
    }
    assert len(made) == 5
    assert {path.split("/")[-1]: data for path, data in made.items()} == parts


@pytest.mark.usefixtures("by_strips")
def test_text_in_a_large_picture_leaves_nothing_behind(tmp_path: Path) -> None:
    put(tmp_path, "1.dcm", enlarged("examples_overlay.dcm", 600, "ZZYQUIST 1943"))
    out = run(tmp_path, "run", "sharpen:0.5", "quarantine")
    assert out.list("images/00000") == []
    assert "burned-in" in pq.read_table(tmp_path / "run/quarantine")["error"][0].as_py()
    assert not list((tmp_path / "run").rglob("*.part"))


@pytest.mark.usefixtures("by_strips")
@pytest.mark.parametrize(
    ("name", "chain", "words"),
    [
        ("693_J2KR.dcm", "sharpen:1", "no uncompressed grey DICOM"),
        ("SC_rgb.dcm", "sharpen:1", "no uncompressed grey DICOM"),
        ("eCT_Supplemental.dcm", "sharpen:1", "not one grey frame"),
        ("MR_truncated.dcm", "sharpen:1", "truncated"),
        ("reportsi.dcm", "sharpen:1", "no uncompressed grey DICOM"),
        ("README.txt", "sharpen:1", "no uncompressed grey DICOM"),
        ("693_UNCI.dcm", "clahe:2", "whole picture"),
        ("693_UNCI.dcm", "denoise-nlm:auto", "whole picture"),
        ("693_UNCI.dcm", "window:auto", "whole picture"),
    ],
)
def test_what_cannot_go_by_strips_is_put_aside(name: str, chain: str, words: str, tmp_path: Path) -> None:
    put(tmp_path, name, sample(name))
    run(tmp_path, "run", chain)
    assert words in pq.read_table(tmp_path / "run/quarantine")["error"][0].as_py()
