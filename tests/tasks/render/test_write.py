import json
import tarfile
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from tasks.imaging.decode import open_picture
from tasks.prompts.shards import Shard
from tasks.render.metadata import Provenance
from tasks.render.options import Layout, WriteOptions
from tasks.render.shard_state import Picture, Prompt, RenderShard, prompt_identity
from tasks.render.write import complete, store
from tasks.runfolder.commit import Outcome
from tasks.runfolder.shard_state import Failure
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_table, to_parquet
from tasks.text.preprocess import Prepared

MADE_BY = Provenance(
    encoder="gemma", encoder_digest="e", generator="vae", generator_digest="g" * 64, settings={"enhance": ""}
)
PROMPT = '阳光 "a" <b>\n'


def make_work(ids: list[str] = ["a", "b/c"], failed: int = 0, carried: pa.Table | None = None) -> RenderShard:  # noqa: B006
    prompts = []
    for i, id in enumerate(ids):
        prompt = Prompt(i, id, PROMPT, [i], 8, 6)
        prompt.prepared = Prepared(PROMPT, PROMPT, "zh", ["阳光"], ["NOUN"], ["阳光"])
        prompts.append(prompt)
    rows = len(ids) + failed
    failures = [Failure(len(ids) + i, "read", "no text", prompt_identity(f"f{i}", None)) for i in range(failed)]
    carried = carried if carried is not None else pa.table({"campaign": [f"c{i}" for i in range(rows)]})
    work = RenderShard(Shard(0, 0, rows), prompts, failures, carried)
    work.pictures = [Picture(prompt, 0) for prompt in prompts]
    for picture in work.pictures:
        picture.pixels = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(picture.seed))
    return work


def write(work: RenderShard, storage: Storage, options: WriteOptions, provenance: Provenance, **how: Any) -> Outcome:
    """Stores and completes a shard of a single part."""
    store(work, storage, options, provenance, **how)
    return complete(work, storage, **how)


def from_files(root: Path, image: str) -> bytes:
    return (root / image).read_bytes()


def from_parquet(root: Path, image: str) -> bytes:
    file, name = image.split("#")
    rows = pq.read_table(root / file).to_pylist()
    return next(row["image"]["bytes"] for row in rows if row["image"]["path"] == name)


def from_tar(root: Path, image: str) -> bytes:
    file, name = image.split("#")
    with tarfile.open(root / file) as tar:
        member = tar.extractfile(name)
        assert member is not None
        return member.read()


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "jxl"])
@pytest.mark.parametrize(("layout", "load"), [("files", from_files), ("parquet", from_parquet), ("tar", from_tar)])
def test_metadata_leads_to_the_picture_in_every_layout(
    tmp_path: Path, layout: Layout, load: Callable[[Path, str], bytes], format: str
) -> None:
    work = make_work()
    pixels = [picture.pixels for picture in work.pictures]
    write(work, Storage(str(tmp_path)), WriteOptions(layout=layout, format=format), MADE_BY)
    for row, expected in zip(pq.read_table(tmp_path / "metadata/00000.parquet").to_pylist(), pixels, strict=True):
        data = load(tmp_path, row["image"])
        assert sha256(data).hexdigest() == row["sha256"]
        assert len(data) == row["bytes"]
        image = open_picture(data)
        assert image.size == (8, 6)
        if format in {"png", "jxl"}:
            assert expected is not None
            assert np.array_equal(np.asarray(image), (expected * 255).round().byte().permute(1, 2, 0).numpy())


def test_a_png_tells_where_it_came_from(tmp_path: Path) -> None:
    write(make_work(), Storage(str(tmp_path)), WriteOptions(), MADE_BY)
    text = Image.open(tmp_path / "images/00000/b%2Fc.png").text  # type: ignore[attr-defined]
    assert text["prompt"] == PROMPT
    assert text["id"] == "b/c"
    assert text["seed"] == "1"
    assert text["model"].startswith("vae sha256:gggg")
    assert json.loads(text["settings"]) == {"enhance": ""}


@pytest.mark.parametrize(("format", "suffix"), [("jpeg", "jpg"), ("webp", "webp")])
def test_jpeg_and_webp_tell_it_in_exif(tmp_path: Path, format: str, suffix: str) -> None:
    write(make_work(), Storage(str(tmp_path)), WriteOptions(format=format), MADE_BY)
    comment = Image.open(tmp_path / f"images/00000/a.{suffix}").getexif().get_ifd(0x8769)[0x9286]
    told = json.loads(comment.removeprefix(b"UNICODE\0").decode("utf-16-be"))
    assert (told["prompt"], told["seed"]) == (PROMPT, "0")


def test_jpeg_xl_tells_it_in_exif(tmp_path: Path) -> None:
    write(make_work(), Storage(str(tmp_path)), WriteOptions(format="jxl"), MADE_BY)
    data = (tmp_path / "images/00000/a.jxl").read_bytes()
    at = data.index(b"Exif")
    exif = Image.Exif()
    exif.load(data[at + 8 : at - 4 + int.from_bytes(data[at - 4 : at], "big")])
    told = json.loads(exif.get_ifd(0x8769)[0x9286].removeprefix(b"UNICODE\0").decode("utf-16-be"))
    assert (told["prompt"], told["seed"]) == (PROMPT, "0")


def test_pictures_may_come_as_uint8(tmp_path: Path) -> None:
    work, same = make_work(), make_work()
    for picture in work.pictures:
        assert picture.pixels is not None
        picture.pixels = (picture.pixels * 255).round().byte()
    for name, one in (("uint8", work), ("float", same)):
        write(one, Storage(str(tmp_path / name)), WriteOptions(), MADE_BY)
    files = [(tmp_path / name / "images/00000/a.png").read_bytes() for name in ("uint8", "float")]
    assert files[0] == files[1]


def test_every_row_is_a_picture_or_quarantined(tmp_path: Path) -> None:
    outcome = write(make_work(failed=2), Storage(str(tmp_path)), WriteOptions(), MADE_BY)
    assert (outcome.rows, outcome.pictures, outcome.quarantined) == (4, 2, 2)
    quarantine = pd.read_parquet(tmp_path / "quarantine/00000.parquet")
    assert quarantine["row"].tolist() == [2, 3]
    assert quarantine["stage"].tolist() == ["read", "read"]


def test_a_shard_without_a_picture_is_complete_too(tmp_path: Path) -> None:
    write(make_work([], failed=2), Storage(str(tmp_path)), WriteOptions(), MADE_BY)
    assert pq.read_table(tmp_path / "metadata/00000.parquet").num_rows == 0


def test_carried_columns_keep_their_types_and_never_hide_ours(tmp_path: Path) -> None:
    carried = pa.table({"price": pa.array([1.5, None]), "language": ["xx", "yy"], "tags": [["a"], []]})
    write(make_work(carried=carried), Storage(str(tmp_path)), WriteOptions(), MADE_BY)
    table = pq.read_table(tmp_path / "metadata/00000.parquet")
    assert table["price"].to_pylist() == [1.5, None]
    assert table["tags"].to_pylist() == [["a"], []]
    assert table["language"].to_pylist() == ["zh", "zh"]
    assert table["input_language"].to_pylist() == ["xx", "yy"]


def test_the_metadata_is_written_last(tmp_path: Path) -> None:
    written: list[str] = []

    class Watched(Storage):
        def write_many(self, files):  # type: ignore[no-untyped-def]
            written.extend(files)
            super().write_many(files)

        def write(self, path, *content, **how):  # type: ignore[no-untyped-def]
            written.append(path)
            super().write(path, *content, **how)

        def create(self, path, *content):  # type: ignore[no-untyped-def]
            written.append(path)
            return super().create(path, *content)

    write(make_work(failed=1), Watched(str(tmp_path)), WriteOptions(), MADE_BY)
    assert written[-1] == "metadata/00000.parquet"
    assert len(written) == 5


@pytest.mark.parametrize("layout", ["files", "parquet", "tar"])
def test_rows_tried_again_join_those_of_the_first_attempt(tmp_path: Path, layout: Layout) -> None:
    out, options = Storage(str(tmp_path)), WriteOptions(layout=layout)
    write(make_work(["a"], failed=2), out, options, MADE_BY)
    again = make_work(["x", "b", "c"])
    again.keep(frozenset({1}))
    again.pictures = [picture for picture in again.pictures if picture.prompt.row == 1]
    again.failures = [Failure(2, "generate", "still bad", prompt_identity("c", "t"))]
    outcome = write(again, out, options, MADE_BY, attempt=2)
    assert (outcome.pictures, outcome.quarantined) == (2, 1)
    metadata = pq.read_table(tmp_path / "metadata/00000.parquet")
    assert metadata["row"].to_pylist() == [0, 1]
    assert pq.read_table(tmp_path / "quarantine/00000.parquet")["attempt"].to_pylist() == [2]
    if layout != "files":
        assert from_parquet(tmp_path, metadata["image"][0].as_py()) if layout == "parquet" else True
        assert "00000-2" in metadata["image"][1].as_py()


def test_a_row_whose_text_was_cut_counts_once(tmp_path: Path) -> None:
    work = make_work(["a", "b", "c"])
    work.pictures[1].prompt = work.pictures[0].prompt  # two pictures of one row
    for prompt, cut in zip(work.prompts, (True, True, False), strict=True):
        prompt.text_cut = cut
    assert write(work, Storage(str(tmp_path)), WriteOptions(), MADE_BY).texts_cut == 1
    assert pq.read_table(tmp_path / "metadata/00000.parquet")["text_cut"].to_pylist() == [True, True, False]


def test_rows_tried_again_join_those_of_a_version_that_knew_less(tmp_path: Path) -> None:
    out, metadata = Storage(str(tmp_path)), tmp_path / "metadata/00000.parquet"
    write(make_work(["a"], failed=1), out, WriteOptions(), MADE_BY)
    pq.write_table(pq.read_table(metadata).drop_columns(["text_cut"]), metadata)
    again = make_work(["a", "b"])
    again.keep(frozenset({1}))
    again.pictures = again.pictures[1:]
    again.prompts[0].text_cut = True
    assert write(again, out, WriteOptions(), MADE_BY, attempt=2).texts_cut == 1
    assert pq.read_table(metadata)["text_cut"].to_pylist() == [None, True]


def test_a_quarantine_that_empties_is_taken_away(tmp_path: Path) -> None:
    out = Storage(str(tmp_path))
    write(make_work(["a"], failed=1), out, WriteOptions(), MADE_BY)
    again = make_work(["a", "b"])
    again.keep(frozenset({1}))
    again.pictures = again.pictures[1:]
    write(again, out, WriteOptions(), MADE_BY, attempt=2)
    assert not out.exists("quarantine/00000.parquet")


def test_the_dummy_layout_keeps_metadata_alone(tmp_path: Path) -> None:
    outcome = write(make_work(), Storage(str(tmp_path)), WriteOptions(layout="dummy"), MADE_BY)
    assert outcome == Outcome(2, 2, 0, outcome.seconds, shard=outcome.shard)
    assert not (tmp_path / "images").exists()


def test_a_table_is_read_without_leaving_a_thread_something_of_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow's threads abort the process if they give a Python object back while it ends."""
    freed: list[int] = []

    class Watched(bytes):
        def __del__(self) -> None:
            freed.append(threading.get_ident())

    content = to_parquet(pa.table({"row": range(6), "stage": ["read"] * 6}))
    monkeypatch.setattr(Storage, "read", lambda storage, path: Watched(content))
    for _ in range(2000):
        read_table(Storage(str(tmp_path)), "quarantine/00000.parquet")
    assert freed == [threading.get_ident()] * 2000


@pytest.mark.parametrize(
    ("layout", "files"),
    [
        ("files", ["00000/b~0.png", "00000/b~1.png"]),
        ("parquet", ["00000.parquet"]),
        ("tar", ["00000.tar"]),
    ],
)
def test_a_row_that_fails_in_a_later_part_leaves_no_picture_and_no_file(
    layout: Layout, files: list[str], tmp_path: Path
) -> None:
    work, storage, options = make_work(["b", "a"]), Storage(str(tmp_path)), WriteOptions(layout=layout)
    for prompt, count in zip(work.prompts, (2, 5), strict=True):
        prompt.seeds = list(range(count))
    part = 0
    while part == 0 or work.more:
        part += 1
        work.next_part(2 * 8 * 6)  # two pictures
        for picture in work.pictures:
            picture.pixels = torch.rand(3, 6, 8)
        if part == 4:
            work.fail("generate", {work.prompts[1]: "the device says no"})
        store(work, storage, options, MADE_BY)
        store(work, storage, options, MADE_BY)  # a try again adds nothing
        if part == 3:
            assert [len(list((tmp_path / "images").rglob("*.*")))] == [6 if layout == "files" else 3]
    outcome = complete(work, storage)
    assert (outcome.pictures, outcome.quarantined) == (2, 1)
    assert sorted(str(file.relative_to(tmp_path / "images")) for file in (tmp_path / "images").rglob("*.*")) == files
    assert pq.read_table(tmp_path / "metadata/00000.parquet")["id"].to_pylist() == ["b~0", "b~1"]
    assert pq.read_table(tmp_path / "quarantine/00000.parquet")["prompt_id"].to_pylist() == ["a"]


def test_columns_named_as_ours_are_kept_at_any_depth_of_feeding_back(tmp_path: Path) -> None:
    columns = ["row", "input_row", "explain", "explain_words", "input_input_row", "row_input", "Row"]
    carried = pa.table({name: [f"{name} {row}" for row in range(2)] for name in columns})
    for depth in range(4):
        out = tmp_path / str(depth)
        write(make_work(carried=carried), Storage(str(out)), WriteOptions(layout="dummy"), MADE_BY)
        made = read_table(Storage(str(out)), "metadata/00000.parquet")
        assert len(set(made.column_names)) == made.num_columns
        values = {value for name in made.column_names for value in made[name].to_pylist() if isinstance(value, str)}
        assert values >= {f"{name} {row}" for name in columns for row in range(2)}
        assert "explain" not in made.column_names, "the report would look for heat maps"
        carried = made


def test_ids_that_differ_by_case_alone_have_files_of_their_own(tmp_path: Path) -> None:
    """Also where the file system ignores case; and those of a row that is tried again stay the same."""
    write(make_work(["A", "a", "b"]), Storage(str(tmp_path)), WriteOptions(), MADE_BY)
    names = [Path(image).name for image in pq.read_table(tmp_path / "metadata/00000.parquet")["image"].to_pylist()]
    assert len({name.lower() for name in names}) == 3
    assert [names[0], names[2]] == ["A.png", "b.png"]
    again = make_work(["A", "a", "b"])
    again.keep(frozenset({1}))
    again.pictures = [picture for picture in again.pictures if picture.prompt.row == 1]
    write(again, Storage(str(tmp_path / "again")), WriteOptions(), MADE_BY)
    assert [file.name for file in (tmp_path / "again/images/00000").iterdir()] == [names[1]]
