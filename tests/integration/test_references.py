"""Rows that follow pictures: files, and rows of the same input, made in the order in which they need each other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.integration.runs import Outcome, table

Mill = Callable[..., Outcome]
SCHEMA = pa.schema(
    {"id": pa.string(), "text": pa.string(), "reference": pa.list_(pa.string()), "reference_row": pa.string()}
)


def write_rows(path: Path, *rows: tuple[str, str, list[str] | None, str | None]) -> Path:
    pq.write_table(pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA), path)
    return path


def shas(run: Path) -> dict[str, str]:
    return {row["id"]: row["sha256"] for row in table(str(run), "metadata").to_pylist()}


def reasons(run: Path) -> dict[str, str]:
    return {row["prompt_id"]: row["error"] for row in table(str(run), "quarantine").to_pylist()}


def test_rows_follow_files_and_rows_and_bad_ones_cost_themselves(imagemill: Mill, tmp_path: Path) -> None:
    Image.new("RGB", (400, 300), (250, 120, 10)).save(tmp_path / "orange.png")
    (tmp_path / "words.png").write_text("no picture")
    good: list[tuple[str, str, list[str] | None, str | None]] = [
        ("later", "a fox", None, "anchor"),  # stands before what it follows
        ("file", "a fox", ["orange.png"], None),
        ("alone", "a fox", None, None),
        ("anchor", "a purple fox on the beach at sunset", None, None),
        ("third", "a dog", None, "later"),
    ]
    bad: list[tuple[str, str, list[str] | None, str | None]] = [
        ("gone", "a fox", ["gone.png"], None),
        ("words", "a fox", ["words.png"], None),
        ("web", "a fox", ["https://example.com/a.png"], None),
        ("many", "a fox", ["orange.png"] * 4, "anchor"),
        ("no row", "a fox", None, "nobody"),
        ("empty", "", None, None),
        ("hangs", "a fox", None, "empty"),
        ("one", "a fox", None, "two"),
        ("two", "a fox", None, "one"),
        ("behind", "a fox", None, "two"),
    ]
    rows = write_rows(tmp_path / "rows.parquet", *good, *bad)
    outcome = imagemill("render", rows, "--out", tmp_path / "run", "--no-report")
    assert outcome.code == 3, outcome.err
    made, failed = shas(tmp_path / "run"), reasons(tmp_path / "run")
    assert set(made) == {row[0] for row in good}
    assert set(failed) == {row[0] for row in bad}
    assert "'gone.png'" in failed["gone"] and "no such file" in failed["gone"]
    assert "cannot be read as a picture" in failed["words"]
    assert "give a local path or s3://" in failed["web"]
    assert "the row has 5 references, and the generator follows at most 4" in failed["many"]
    assert "reference_row 'nobody': there is no such id in this input" in failed["no row"]
    assert "reference_row 'empty' failed at preprocess:" in failed["hangs"]
    assert all("leads in a circle" in failed[id] for id in ("one", "two", "behind"))
    colours = {id: _mean(tmp_path / "run", id) for id in made}
    assert len({made[id] for id in ("later", "file", "alone")}) == 3
    assert colours["later"][2] > colours["alone"][2], "the beach's sky, not the plain ground"
    info = Image.open(_file(tmp_path / "run", "third")).info
    assert json.loads(info["references"])[0]["references"][0]["prompt"].startswith("a purple fox")

    # Changing one reference changes its rows alone; a row alone, or in other shards, is the same to the byte.
    Image.new("RGB", (40, 30), (20, 60, 250)).save(tmp_path / "orange.png")
    again = imagemill("render", rows, "--out", tmp_path / "again", "--shard-size", 2, "--no-report", "--join")
    assert again.code == 3, again.err
    other = shas(tmp_path / "again")
    assert {id for id in made if made[id] != other[id]} == {"file"}
    few = write_rows(tmp_path / "few.parquet", good[4], good[3], good[0])
    for way in (("--lanes", "2"), ("--runner", "ray")):
        out = tmp_path / way[1]
        assert imagemill("render", few, "--out", out, "--no-report", *way).code == 0
        assert shas(out) == {id: made[id] for id in ("third", "anchor", "later")}


def _file(run: Path, id: str) -> Path:
    rows: list[dict[str, Any]] = table(str(run), "metadata").to_pylist()
    return run / str(next(row["image"] for row in rows if row["id"] == id))


def _mean(run: Path, id: str) -> tuple[int, ...]:
    with Image.open(_file(run, id)) as image:
        pixel = image.convert("RGB").crop((0, 0, 128, 30)).resize((1, 1)).getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return 0, 0, int(max(pixel[:3])) - int(min(pixel[:3]))


def test_an_anchor_that_failed_is_retried_with_what_hangs_on_it(imagemill: Mill, tmp_path: Path) -> None:
    rows = write_rows(
        tmp_path / "rows.parquet",
        ("anchor", "a fox", ["colour.png"], None), ("child", "a fox in the forest", None, "anchor"),
        ("grandchild", "a dog", None, "child"),
    )  # fmt: skip
    assert imagemill("render", rows, "--out", tmp_path / "run", "--no-report").code == 3
    failed = reasons(tmp_path / "run")
    assert "reference_row 'child' failed at read: reference_row 'anchor' failed at read:" in failed["grandchild"]
    Image.new("RGB", (40, 30), (20, 60, 250)).save(tmp_path / "colour.png")
    outcome = imagemill("render", rows, "--out", tmp_path / "run", "--no-report", "--retry-quarantined")
    assert outcome.code == 0, outcome.err
    assert imagemill("render", rows, "--out", tmp_path / "fresh", "--no-report").code == 0
    assert shas(tmp_path / "run") == shas(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--generator", "dummy"], "the generator dummy follows no pictures"),
        (["--layout", "tar"], "find the others' pictures as files alone"),
        (["--partition", "1/2"], "may wait for another part's; use --join"),
        (["--explain"], "--explain: it does not know what comes of a 'reference'"),
    ],
)
def test_what_cannot_follow_is_refused(more: list[str], sentence: str, imagemill: Mill, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.parquet", ("a", "a fox", None, None), ("b", "a fox", None, "a"))
    imagemill("render", rows, "--out", tmp_path / "run", *more).refused(sentence)
