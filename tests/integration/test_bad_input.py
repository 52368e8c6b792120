"""Bad input ends in one sentence and exit code 2 with nothing written; a bad row is quarantined and the run goes on."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.runs import Outcome, files, snapshot, table, write_prompts

Mill = Callable[..., Outcome]
DUMMY = ("--generator", "dummy")


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def make_missing(folder: Path) -> Path:
    return folder / "missing.parquet"


def make_text_file(folder: Path) -> Path:
    path = folder / "prompts.parquet"
    path.write_text("a cat\na dog\n")
    return path


def make_no_bytes(folder: Path) -> Path:
    path = folder / "prompts.parquet"
    path.touch()
    return path


def make_no_rows(folder: Path) -> Path:
    return parquet(folder / "prompts.parquet", text=pa.array([], pa.string()))


def make_truncated(folder: Path) -> Path:
    path = Path(write_prompts(str(folder / "prompts.parquet"), 500))
    path.write_bytes(path.read_bytes()[:-100])
    return path


def make_no_text_column(folder: Path) -> Path:
    return parquet(folder / "prompts.parquet", words=["a cat"], id=["1"])


def make_wrong_type(folder: Path) -> Path:
    return parquet(folder / "prompts.parquet", text=[1, 2, 3])


def make_empty_folder(folder: Path) -> Path:
    (folder / "prompts").mkdir()
    return folder / "prompts"


def make_ids_of_lists(folder: Path) -> Path:
    return parquet(folder / "prompts.parquet", text=["a cat", "a dog"], id=[["1"], ["2"]])


def make_twin_columns(folder: Path) -> Path:
    path = folder / "prompts.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["a cat"]), pa.array(["a dog"])], names=["text", "text"]), path)
    return path


def make_csv_without_a_header(folder: Path) -> Path:
    path = folder / "prompts.csv"
    path.write_text("1,a cat\n2,a dog\n")
    return path


def make_damaged_array(folder: Path) -> Path:
    path = folder / "prompts.json"
    path.write_text('[{"text": "a cat"},\n {"text": \n')
    return path


def make_array_cut_short(folder: Path) -> Path:
    path = folder / "prompts.json"
    path.write_text('[{"text": "a cat"},\n')
    return path


def make_gbk(folder: Path) -> Path:
    path = folder / "prompts.csv"
    path.write_bytes("id,text\n1,一朵红花\n2,一只小猫在沙滩上\n".encode("gbk"))
    return path


def make_cut_gzip(folder: Path) -> Path:
    path = folder / "prompts.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a cat"}\n' * 100)[:-12])
    return path


def make_link_to_itself(folder: Path) -> Path:
    path = folder / "prompts.parquet"
    path.symlink_to(path)
    return path


def make_columns_that_differ(folder: Path) -> Path:
    (folder / "prompts").mkdir()
    (folder / "prompts" / "a.csv").write_text("text\na cat\n")
    (folder / "prompts" / "b.csv").write_text("text,note\na dog,5\n")
    return folder / "prompts"


def make_types_that_differ(folder: Path) -> Path:
    (folder / "prompts").mkdir()
    parquet(folder / "prompts" / "a.parquet", text=["a cat"], lot=[[1]])
    parquet(folder / "prompts" / "b.parquet", text=["a dog"], lot=["one"])
    return folder / "prompts"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_missing, ["missing.parquet", "no such file"]),
        (make_text_file, ["prompts.parquet", "Parquet"]),
        (make_no_bytes, ["prompts.parquet", "empty"]),
        (make_no_rows, ["prompts.parquet", "no rows"]),
        (make_truncated, ["prompts.parquet", "Parquet"]),
        (make_no_text_column, ["prompts.parquet", "--text-column", "words"]),
        (make_wrong_type, ["prompts.parquet", "text", "int64"]),
        (make_empty_folder, ["prompts", "Parquet"]),
        (make_ids_of_lists, ["prompts.parquet", "id"]),
        (make_twin_columns, ["prompts.parquet", "text"]),
        (make_csv_without_a_header, ["prompts.csv", "--text-column", "a cat"]),
        (make_damaged_array, ["prompts.json", "line 2"]),
        (make_array_cut_short, ["prompts.json", "cut short"]),
        (make_gbk, ["prompts.csv", "GBK", "UTF-8"]),
        (make_cut_gzip, ["prompts.jsonl.gz", "decompress"]),
        (make_link_to_itself, ["prompts.parquet", "link"]),
        (make_columns_that_differ, ["a.csv", "b.csv", "note"]),
        (make_types_that_differ, ["a.parquet", "b.parquet", "lot", "list", "string"]),
    ],
)
def test_unusable_input(make: Callable[[Path], Path], words: list[str], tmp_path: Path, imagemill: Mill) -> None:
    out = tmp_path / "run"
    imagemill("render", make(tmp_path), "--out", out, *DUMMY).refused(*words)
    assert not files(str(out)) or set(files(str(out))) <= {".run.lock"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--enhance", "denois:0.3"], ["denois", "denoise"]),
        (["--enhance", "denoise:lots"], ["denoise", "lots"]),
        (["--batch-size", "0"], ["batch"]),
        (["--width", "1000000"], ["width"]),
        (["--text-column", "nope"], ["nope", "text"]),
        (["--layout", "zip"], ["zip"]),
        (["--max-failures", "many"], ["many"]),
        (["--partition", "3/2"], ["3/2"]),
        (["--device", "gpu"], ["--device gpu", "no such device"]),
        (["--generator", "no-such-model"], ["no-such-model"]),
        (["--no-such-option"], ["no-such-option"]),
        (["--retry-quarantined", "--no-resume"], ["--retry-quarantined"]),
    ],
)
def test_unusable_option(options: list[str], words: list[str], tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    out = tmp_path / "run"
    generator = () if "--generator" in options else DUMMY
    imagemill("render", prompts, "--out", out, *generator, *options).refused(*words)
    assert set(files(str(out))) <= {".run.lock"}


def test_output_that_is_a_file(tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    (tmp_path / "run").write_text("mine")
    imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY).refused(str(tmp_path / "run"))
    assert (tmp_path / "run").read_text() == "mine"


def test_output_that_cannot_be_written(read_only: Path, tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    imagemill("render", prompts, "--out", read_only / "run", *DUMMY).refused(str(read_only / "run"), "not permitted")


def test_output_that_holds_something_else(tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"my": "own"}')
    imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY).refused("run.json")


def test_disk_full_then_room_again(full_disk: Path, tmp_path: Path, imagemill: Mill, grow: Callable[[], None]) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 600, size=128)
    command = ["render", prompts, *DUMMY, "--shard-size", 50, "--no-report", "--out"]
    assert imagemill(*command, tmp_path / "undisturbed").code == 0

    imagemill(*command, full_disk / "run").refused("disk is full", code=1)
    inside = snapshot(str(full_disk / "run"))
    complete = snapshot(str(tmp_path / "undisturbed"))
    assert all(complete[name] == digest for name, digest in inside.items()), "half-written files"
    assert len(inside) < len(complete)

    grow()
    assert imagemill(*command, full_disk / "run").code == 0
    assert snapshot(str(full_disk / "run")) == complete


IDS = [
    "../../x",
    "a/b",
    "a%2Fb",
    "i" * 300,
    "nul\0nul",
    "",
    ".",
    "..",
    "~",
    "a" * 119 + "é",
    "-rf",
    "CON",
    "é",
    "e\u0301",
]
IDS += [
    "p q",
    "r\ns",
    "数" * 100,
    "a\\b",
    "/etc/passwd",
    "*",
    "A",
    "a",
    ".hidden",
    "x~0",
    "a" * 300 + "b",
    "a" * 300 + "c",
]


@pytest.mark.parametrize("layout", ["files", "parquet", "tar"])
def test_strange_ids(layout: str, tmp_path: Path, imagemill: Mill) -> None:
    room = tmp_path / "room" / "inner"
    room.mkdir(parents=True)
    prompts = parquet(tmp_path / "prompts.parquet", text=[f"a cat {i}" for i in range(len(IDS))], id=IDS)
    outcome = imagemill("render", prompts, "--out", room / "run", *DUMMY, "--layout", layout)

    made, failed = table(str(room / "run"), "metadata"), table(str(room / "run"), "quarantine")
    assert "Traceback" not in outcome.err
    assert outcome.code == (3 if failed.num_rows else 0)
    rows = made["row"].to_pylist() + failed["row"].to_pylist()
    assert sorted(rows) == list(range(len(IDS)))
    assert [made["prompt_id"][i].as_py() for i in range(made.num_rows)] == [IDS[row] for row in made["row"].to_pylist()]
    assert len(set(made["image"].to_pylist())) == made.num_rows
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and room / "run" not in path.parents] == [
        "prompts.parquet"
    ]


def test_ids_that_look_like_another_rows_picture(tmp_path: Path, imagemill: Mill) -> None:
    """`x` with two pictures makes `x~0` and `x~1`: a row whose id is `x~1` must not overwrite one of them."""
    prompts = parquet(tmp_path / "prompts.parquet", text=["one", "two", "three"], id=["x", "x~1", "y"], count=[2, 1, 1])
    outcome = imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY)
    made, failed = table(str(tmp_path / "run"), "metadata"), table(str(tmp_path / "run"), "quarantine")
    assert outcome.code == (3 if failed.num_rows else 0)
    assert set(made["row"].to_pylist()) | set(failed["row"].to_pylist()) == {0, 1, 2}
    assert len(set(made["image"].to_pylist())) == made.num_rows


def test_duplicate_ids(tmp_path: Path, imagemill: Mill) -> None:
    prompts = parquet(tmp_path / "prompts.parquet", text=["one", "two", "three", "four"], id=["x", "y", "x", None])
    outcome = imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY, "--shard-size", 1)
    assert outcome.code == 3
    assert table(str(tmp_path / "run"), "metadata")["row"].to_pylist() == [0, 1, 3]
    failed = table(str(tmp_path / "run"), "quarantine")
    assert failed["row"].to_pylist() == [2]
    assert "'x'" in failed["error"][0].as_py()


BAD_TEXTS = [None, "", " \t\n", "word " * 20_000, "\x00\x01\x02", "\u200b\u200b", "a\0cat", "?!..."]
ODD_TEXTS = ["<script>alert(1)</script>", "a\x07cat", "🐈" * 20, "e\u0301" * 50, "\u202ea cat", "كلب في الحديقة"]


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "jxl"])
def test_strange_texts(format: str, tmp_path: Path, imagemill: Mill) -> None:
    texts = [*BAD_TEXTS, *ODD_TEXTS]
    prompts = parquet(tmp_path / "prompts.parquet", text=texts)
    outcome = imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY, "--format", format)
    assert outcome.code == 3
    assert "Traceback" not in outcome.err
    made, failed = table(str(tmp_path / "run"), "metadata"), table(str(tmp_path / "run"), "quarantine")
    assert failed["row"].to_pylist() == list(range(len(BAD_TEXTS)))
    assert made["row"].to_pylist() == list(range(len(BAD_TEXTS), len(texts)))
    assert made["text"].to_pylist() == ODD_TEXTS
    assert all("\n" not in error and len(error) < 400 for error in failed["error"].to_pylist())


def test_text_that_is_not_utf8(tmp_path: Path, imagemill: Mill) -> None:
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a cat", b"\xff\xfe\xfa"], pa.binary()).buffers())
    prompts = parquet(tmp_path / "prompts.parquet", text=broken)
    assert imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY).code == 3
    assert table(str(tmp_path / "run"), "metadata")["row"].to_pylist() == [0]
    assert table(str(tmp_path / "run"), "quarantine")["row"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("seed", [1, -1, None]),
        ("seed", [1.0, 1.5, None]),
        ("seed", ["1", "one", None]),
        ("width", [64, 0, None]),
        ("width", [64, 10**12, None]),
        ("height", [64.0, float("nan"), None]),
        ("height", [64.0, float("inf"), None]),
        ("count", [2, 10**9, None]),
        ("count", [[2], [1], None]),
    ],
)
def test_row_with_an_impossible_number(column: str, values: list[object], tmp_path: Path, imagemill: Mill) -> None:
    prompts = parquet(tmp_path / "prompts.parquet", text=["one", "two", "three"], **{column: values})
    assert imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY).code == 3
    made, failed = table(str(tmp_path / "run"), "metadata"), table(str(tmp_path / "run"), "quarantine")
    assert 1 in failed["row"].to_pylist()
    assert set(made["row"].to_pylist()) | set(failed["row"].to_pylist()) == {0, 1, 2}
    assert all(column in error for error in failed["error"].to_pylist())


def test_columns_with_our_names_are_carried(tmp_path: Path, imagemill: Mill) -> None:
    columns = {"prompt": ["a cat"], "sha256": ["mine"], "image": [b"\xff"], "row": [7], "tags": [["x", None]]}
    prompts = parquet(tmp_path / "prompts.parquet", **columns)
    assert imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY).code == 0
    row = table(str(tmp_path / "run"), "metadata").to_pylist()[0]
    assert (row["input_sha256"], row["input_image"], row["input_row"], row["tags"]) == ("mine", b"\xff", 7, ["x", None])


def test_run_that_fails_wholesale_is_stopped(tmp_path: Path, imagemill: Mill) -> None:
    prompts = parquet(tmp_path / "prompts.parquet", text=[""] * 50 + ["a cat"] * 50)
    options = ["--shard-size", 5, "--max-failures", "20%"]
    imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY, *options).refused("--max-failures", code=1)
    assert 20 < table(str(tmp_path / "run"), "quarantine").num_rows < 50


def test_damaged_in_the_middle(tmp_path: Path, imagemill: Mill) -> None:
    """The footer is whole, so the plan goes through; the damage shows when the rows are read."""
    path = Path(write_prompts(str(tmp_path / "prompts.parquet"), 3000, row_group=1000))
    content = bytearray(path.read_bytes())
    content[1000:3000] = bytes(2000)
    path.write_bytes(content)
    imagemill("render", path, "--out", tmp_path / "run", *DUMMY).refused("prompts.parquet", code=1)


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    ("prompts", "out", "words"),
    [
        ("", "run", ["prompts is missing"]),
        ("prompts.parquet", "", ["out is missing"]),
        ("prompts.parquet", "/", ["--out '/'", "names no folder"]),
        ("prompts.parquet", ".", ["--out .", "holds no imagemill run (there is prompts.parquet)"]),
    ],
)
def test_place_that_is_no_run_folder(
    prompts: str,
    out: str,
    words: list[str],
    dry: list[str],
    tmp_path: Path,
    imagemill: Mill,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such as a variable that is not set: an empty path was the root of the file system, or the current folder."""
    monkeypatch.chdir(tmp_path)
    write_prompts("prompts.parquet", 3)
    root = set(Path("/").iterdir())
    imagemill("render", prompts, "--out", out, *DUMMY, *dry).refused(*words)
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.parquet"]
    assert set(Path("/").iterdir()) == root


def test_archive_that_is_not_named(tmp_path: Path, imagemill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").touch()
    imagemill("reprocess", "", "--out", "run").refused("archive is missing; give it as ARCHIVE")
    imagemill("reprocess", "archive", "--out", "").refused("out is missing; give it as --out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_run_folder_with_a_planted_link(tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY).code == 0
    for folder in ("metadata", "images"):
        shutil.rmtree(tmp_path / "run" / folder)
    (tmp_path / "run" / "images").symlink_to(elsewhere)
    imagemill("render", prompts, "--out", tmp_path / "run", *DUMMY).refused("images", "symbolic link out of", code=1)
    assert not list(elsewhere.iterdir())
