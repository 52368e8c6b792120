"""A user's own pictures: captions from a table or from text files, broken ones listed, nothing of the camera kept."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from flows.cli.main import main
from tasks.datasets.find_captioned import CaptionedFolder, CaptionedParquet
from tasks.datasets.write_captioned import Collected, CollectOptions, collect
from tasks.imaging.jxl import encode_jxl
from tasks.prompts.prompt_files import find_input
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage

OPTIONS = CollectOptions(licence="CC0-1.0", edge=32, held_out=0.3)


def picture(colour: str = "red", size: tuple[int, int] = (60, 40), format: str = "PNG", mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "SECRET CAMERA"
    Image.new(mode, size, colour).save(buffer, format, exif=exif)
    return buffer.getvalue()


def photos(folder: Path) -> Path:
    """Three good pictures, each captioned in another way, and one of each kind that cannot be used."""
    (folder / "more").mkdir(parents=True)
    (folder / "a.png").write_bytes(picture())
    (folder / "a.txt").write_text("一只红色的猫\n", "utf-8")
    (folder / "b.JPG").write_bytes(picture("blue", format="JPEG"))
    (folder / "more" / "c.webp").write_bytes(picture("green", (20, 90), "WEBP"))
    (folder / "more" / "c.txt").write_text("overruled by the table")
    (folder / "uncaptioned.png").write_bytes(picture())
    (folder / "cut.png").write_bytes(picture()[:60])
    (folder / "cut.txt").write_text("a cut picture")
    (folder / "latin.png").write_bytes(picture())
    (folder / "latin.txt").write_bytes("café".encode("latin-1"))
    (folder / "captions.csv").write_text('file_name,text,license\nb.JPG,"a  blue\nsea",CC-BY-4.0\ngone.png,lost,\n')
    said = {"file_name": "c.webp", "text": "a green field", "source": "https://example.org/c", "split": "test"}
    (folder / "more" / "metadata.jsonl").write_text(json.dumps(said) + "\n")
    return folder


def made(found: object, out: Path) -> tuple[Collected, dict[str, dict[str, object]], dict[str, str]]:
    result = collect(found, Storage(str(out)), OPTIONS, lambda _: None)  # type: ignore[arg-type]
    rows = {row["caption"]: row for row in pq.read_table(out / "pictures-00000.parquet").to_pylist()}
    path = out / "left-out.parquet"
    left = {r["picture"]: r["reason"] for r in pq.read_table(path).to_pylist()} if path.exists() else {}
    return result, rows, left


def test_captions_come_from_tables_and_text_files_and_what_cannot_be_used_is_listed(tmp_path: Path) -> None:
    result, rows, left = made(CaptionedFolder(str(photos(tmp_path / "photos"))), tmp_path / "set")
    assert set(rows) == {"一只红色的猫", "a blue sea", "a green field"}
    assert (result.pictures, result.left_out) == (3, 4)
    assert set(left) == {"uncaptioned.png", "cut.png", "latin.png", "gone.png"}
    assert "caption" in left["uncaptioned.png"]
    assert "no readable picture" in left["cut.png"]
    assert "UTF-8" in left["latin.png"]
    assert [rows[c]["language"] for c in ("一只红色的猫", "a blue sea")] == ["zh", "en"]
    assert [rows[c]["licence"] for c in ("一只红色的猫", "a blue sea")] == ["CC0-1.0", "CC-BY-4.0"]
    assert [rows[c]["source"] for c in ("一只红色的猫", "a green field")] == ["a.png", "https://example.org/c"]
    assert rows["a green field"]["split"] == "test"
    assert pq.read_table(tmp_path / "set" / "concepts.parquet").num_rows == 0


def test_jpeg_xl_is_a_picture_too(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jxl").write_bytes(encode_jxl(np.full((30, 50, 3), 200, np.uint8)))
    (folder / "a.txt").write_text("a grey wall")
    (folder / "cut.jxl").write_bytes((folder / "a.jxl").read_bytes()[:30])
    (folder / "cut.txt").write_text("a cut picture")
    _, rows, left = made(CaptionedFolder(str(folder)), tmp_path / "set")
    image = Image.open(io.BytesIO(rows["a grey wall"]["image"]["bytes"]))  # type: ignore[index]
    assert np.abs(np.asarray(image).astype(int) - 200).max() < 4
    assert "no readable picture (damaged JPEG XL" in left["cut.jxl"]


def test_bomb_is_left_out_whatever_else_was_imported(tmp_path: Path) -> None:
    """48 KB that unpack to 400 megapixels. Reading an archive's pictures has another limit."""
    import tasks.imaging.raster_codecs  # noqa: F401

    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("1", (20_000, 20_000)).save(folder / "bomb.png")
    (folder / "bomb.txt").write_text("a bomb")
    (folder / "good.png").write_bytes(picture())
    (folder / "good.txt").write_text("a red square")
    result, rows, left = made(CaptionedFolder(str(folder)), tmp_path / "set")
    assert (result.pictures, result.left_out) == (1, 1)
    assert set(rows) == {"a red square"}
    assert "no readable picture (Image size (400000000 pixels) exceeds limit" in left["bomb.png"]


def test_pictures_are_squares_of_one_size_without_the_camera_s_metadata(tmp_path: Path) -> None:
    _, rows, _ = made(CaptionedFolder(str(photos(tmp_path / "photos"))), tmp_path / "set")
    for row in rows.values():
        data = row["image"]["bytes"]  # type: ignore[index]
        assert b"SECRET" not in data
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (32, 32)
    red, green, blue = Image.open(io.BytesIO(rows["a blue sea"]["image"]["bytes"])).getpixel((16, 16))  # type: ignore
    assert blue > 200
    assert max(red, green) < 60


def test_the_same_pictures_give_the_same_bytes_and_some_are_held_out(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i}.png").write_bytes(picture())
        (folder / f"{i}.txt").write_text(f"picture {i}")
    for out in ("one", "two"):
        collect(CaptionedFolder(str(folder)), Storage(str(tmp_path / out)), OPTIONS, lambda _: None)
    one, two = ((tmp_path / out / "pictures-00000.parquet").read_bytes() for out in ("one", "two"))
    assert one == two
    splits = pq.read_table(tmp_path / "one" / "pictures-00000.parquet")["split"].to_pylist()
    assert 4 <= splits.count("test") <= 20


@pytest.mark.parametrize("hugging_face", [True, False])
def test_parquet_with_bytes_or_with_hugging_face_s_struct(tmp_path: Path, hugging_face: bool) -> None:
    pictures = [picture(mode="RGBA"), b"", picture("blue"), None]
    images = [{"bytes": data, "path": "x.png"} for data in pictures] if hugging_face else pictures
    table = pa.table({"image": images, "text": ["a red box", "empty", None, "none"], "license": ["MIT"] * 4})
    pq.write_table(table, tmp_path / "in.parquet")
    found = CaptionedParquet(find_input(str(tmp_path / "in.parquet"), Storage(str(tmp_path / "spool"))))
    _, rows, left = made(found, tmp_path / "set")
    assert [(c, r["licence"]) for c, r in rows.items()] == [("a red box", "MIT")]
    assert set(left) == {"in.parquet#1", "in.parquet#2", "in.parquet#3"}


def test_input_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path) -> None:
    def refused(path: Path, words: str) -> None:
        with pytest.raises(BadInput, match=words):
            collect(CaptionedFolder(str(path)), Storage(str(tmp_path / "out")), OPTIONS, lambda _: None)
        assert not (tmp_path / "out").exists()

    refused(tmp_path / "none", "no such folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no picture")
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"nothing")
    (folder / "a.txt").write_text("a cat")
    refused(folder, "Not one of 1 pictures")
    (folder / "metadata.csv").write_text("name,words\na.png,a cat\n")
    refused(folder, "file_name and text")
    (folder / "metadata.csv").unlink()
    (folder / "metadata.jsonl").write_text("{broken\n")
    refused(folder, r"metadata.jsonl: cannot be read")
    pq.write_table(pa.table({"text": ["a cat"]}), tmp_path / "in.parquet")
    with pytest.raises(BadInput, match="column `image`"):
        CaptionedParquet(find_input(str(tmp_path / "in.parquet"), Storage(str(tmp_path / "spool"))))


def test_a_licence_may_be_a_number_and_half_a_character_does_not_end_it(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture())
    said = {"file_name": "a.png", "text": "a cat \ud83d", "license": 4, "source": ["x"]}
    (folder / "metadata.jsonl").write_text(json.dumps(said))
    _, rows, _ = made(CaptionedFolder(str(folder)), tmp_path / "set")
    assert [(c, r["licence"], r["source"]) for c, r in rows.items()] == [("a cat ?", "4", "['x']")]


def test_the_command_says_what_it_made_and_keeps_to_an_empty_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["dataset", "folder", str(photos(tmp_path / "photos")), "--out", str(tmp_path / "set")]
    for arguments, code, words in (
        (command, 2, "--licence"),
        ([*command, "--licence", "CC0-1.0"], 0, "3 captioned pictures"),
        ([*command, "--licence", "CC0-1.0"], 2, "is not empty"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        printed = capsys.readouterr()
        assert int(stopped.value.code or 0) == code
        assert words in printed.out + printed.err
