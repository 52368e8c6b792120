"""Whole runs over the prompt files that people have: every row is a picture or quarantined, once, in the right text."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.integration.runs import Outcome, snapshot, table, with_own_server, write_prompts

Mill = Callable[..., Outcome]
SMALL = ("--generator", "dummy", "--width", "16", "--height", "16", "--no-report")


def test_files_of_one_name_in_several_folders(tmp_path: Path, imagemill: Mill) -> None:
    for day, texts in (("01", ["a red apple", "a banana", "a frog"]), ("02", ["一朵红花"])):
        (tmp_path / "days" / day).mkdir(parents=True)
        (tmp_path / "days" / day / "prompts.csv").write_text("\n".join(["text", *texts]))
    outcome = imagemill("render", tmp_path / "days/*/prompts.csv", "--out", tmp_path / "run", *SMALL)
    assert outcome.code == 0
    made = table(str(tmp_path / "run"), "metadata")
    assert made["text"].to_pylist() == ["a red apple", "a banana", "a frog", "一朵红花"]
    assert made["source_file"].to_pylist() == ["01/prompts.csv"] * 3 + ["02/prompts.csv"]


def test_a_row_that_cannot_be_parsed_is_quarantined_with_its_line(tmp_path: Path, imagemill: Mill) -> None:
    (tmp_path / "q.csv").write_text('id,text\n1,a red apple\n2,"a cat\n3,a dog\n4,a,bird\n5,a fish\n')
    assert imagemill("render", tmp_path / "q.csv", "--out", tmp_path / "run", *SMALL).code == 3
    assert table(str(tmp_path / "run"), "metadata")["id"].to_pylist() == ["1", "3", "5"]
    failed = table(str(tmp_path / "run"), "quarantine").to_pylist()
    assert [row["row"] for row in failed] == [1, 3]
    assert "line 3: a quote opens here and is never closed" in failed[0]["error"]
    assert "line 5: 3 cells" in failed[1]["error"]


def test_the_same_command_again_with_the_run_folder_among_the_prompts(tmp_path: Path, imagemill: Mill) -> None:
    (tmp_path / "data").mkdir()
    write_prompts(str(tmp_path / "data" / "a.parquet"), 5)
    command = ["render", tmp_path / "data", "--out", tmp_path / "data" / "run", *SMALL]
    assert imagemill(*command).code == 0
    first = snapshot(str(tmp_path / "data" / "run"))
    assert imagemill(*command).code == 0
    assert snapshot(str(tmp_path / "data" / "run")) == first


def test_metadata_fed_back_again_and_again(tmp_path: Path, imagemill: Mill) -> None:
    prompts: Path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["a cat", "a dog"], "explain": ["x", "y"]}), prompts)
    for turn in range(3):
        assert imagemill("render", prompts, "--out", tmp_path / f"g{turn}", *SMALL[:-1]).code == 0
        prompts = tmp_path / f"g{turn}" / "metadata"
    made = table(str(tmp_path / "g2"), "metadata")
    assert len(set(made.column_names)) == len(made.column_names)
    assert made["input_input_row"].to_pylist() == made["input_row"].to_pylist() == made["row"].to_pylist() == [0, 1]
    assert made["input_explain"].to_pylist() == ["x", "y"]


def test_more_files_than_may_be_open(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for i in range(300):
        pq.write_table(pa.table({"id": [f"r{i:03d}"], "text": [f"a cat {i}"]}), tmp_path / "many" / f"{i:03d}.parquet")
    command = [sys.executable, "-m", "flows", "render", str(tmp_path / "many"), "--out", str(tmp_path / "run"), *SMALL]
    limited = ["sh", "-c", 'ulimit -n 256 && exec "$@"', "sh", *command]
    done = subprocess.run(
        limited, capture_output=True, text=True, env=with_own_server(tmp_path / "prefect"), check=False
    )
    assert done.returncode == 0, done.stderr
    made = table(str(tmp_path / "run"), "metadata")
    assert made["id"].to_pylist() == [f"r{i:03d}" for i in range(300)]
    assert len(list((tmp_path / "run" / "metadata").iterdir())) < 20, "shards go over files"


def test_a_folder_of_all_kinds_is_counted(tmp_path: Path, imagemill: Mill) -> None:
    (tmp_path / "in").mkdir()
    write_prompts(str(tmp_path / "in" / "a.parquet"), 2)
    (tmp_path / "in" / "b.csv").write_text("id,text,shelf\nb,a dog,1\n")
    (tmp_path / "in" / "_c.csv").write_text("id,text,shelf\nc,a bird,1\n")
    (tmp_path / "in" / "notes.md").write_text("# Notes")
    command = ["render", tmp_path / "in", "--out", tmp_path / "run", *SMALL]
    plan = json.loads(imagemill(*command, "--dry-run", "--json").out)
    assert plan["rows"] == plan["pictures"] == 3
    assert plan["left_out"] == {"its name begins with _ or .": 1, "of another kind": 1}
    outcome = imagemill(*command, "--json")
    summary = json.loads(outcome.out.splitlines()[-1])
    assert (summary["rows"], summary["pictures"], summary["files"]) == (3, 3, 2)
    assert summary["files_left_out"] == {"its name begins with _ or .": 1, "of another kind": 1}
    assert imagemill(*command).code == 0  # as a table
    (tmp_path / "in" / "b.csv").write_text("id,text,shelf\nb,a cat,1\n")
    imagemill(*command).refused("changed: b.csv")


def test_a_text_is_rendered(tmp_path: Path, imagemill: Mill) -> None:
    for _ in range(2):
        assert imagemill("render", "a red car", "--out", tmp_path / "run", *SMALL).code == 0
    assert table(str(tmp_path / "run"), "metadata")["text"].to_pylist() == ["a red car"]


def test_texts_from_standard_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows", "render", "-", "--out", str(tmp_path / "run"), *SMALL]
    env = with_own_server(tmp_path / "prefect")
    done = subprocess.run(command, input="a cat\n一只猫\n", capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert table(str(tmp_path / "run"), "metadata")["text"].to_pylist() == ["a cat", "一只猫"]


def test_hive_columns_and_the_file_of_each_row_are_in_the_metadata(tmp_path: Path, imagemill: Mill) -> None:
    for style in ("ink", "oil"):
        (tmp_path / "in" / f"style={style}").mkdir(parents=True)
        write_prompts(str(tmp_path / "in" / f"style={style}" / "0.parquet"), 2, ids=False)
    assert imagemill("render", tmp_path / "in", "--out", tmp_path / "run", *SMALL).code == 0
    made = table(str(tmp_path / "run"), "metadata")
    assert made["style"].to_pylist() == ["ink", "ink", "oil", "oil"]
    assert made["source_file"].to_pylist() == ["style=ink/0.parquet"] * 2 + ["style=oil/0.parquet"] * 2


def test_a_run_begun_before_shards_went_over_files_carries_on(tmp_path: Path, imagemill: Mill) -> None:
    """Its record has no `shard_pixels` and no `files`; its shards were cut anew in every file."""
    (tmp_path / "in").mkdir()
    for name, rows in (("a", 5), ("b", 3)):
        write_prompts(str(tmp_path / "in" / f"{name}.parquet"), rows, ids=False)
    command = ["render", tmp_path / "in", "--out", tmp_path / "run", *SMALL, "--shard-size", 4]
    assert imagemill(*command).code == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["shards"] == 2
    before = {name: record[name] for name in record if name not in {"shard_pixels", "files"}} | {"shards": 3}
    old = tmp_path / "old"
    old.mkdir()
    (old / "run.json").write_text(json.dumps(before))
    assert imagemill("render", tmp_path / "in", "--out", old, *SMALL, "--shard-size", 4).code == 0
    shards = [pq.read_table(old / "metadata" / f"{i:05d}.parquet") for i in range(3)]
    assert [shard["row"].to_pylist() for shard in shards] == [[0, 1, 2, 3], [4], [5, 6, 7]]
    assert "source_file" not in shards[0].column_names
    assert imagemill("inspect", old).code == 0


def test_shards_are_cut_by_the_pixels_of_their_rows(tmp_path: Path, imagemill: Mill) -> None:
    sizes = [64] * 40 + [2048] * 6 + [64] * 18
    columns = {"text": [f"a cat {i}" for i in range(64)], "width": sizes, "height": sizes, "count": [2] * 64}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    options = ["--generator", "dummy", "--layout", "dummy", "--no-report", "--batch-size", 4]
    assert imagemill("render", tmp_path / "p.parquet", "--out", tmp_path / "run", *options).code == 0
    made = [pq.read_table(path, columns=["row", "width"]) for path in sorted((tmp_path / "run/metadata").iterdir())]
    assert [row for shard in made for row in shard["row"].to_pylist()] == sorted([*range(64)] * 2)
    assert max(sum(edge * edge for edge in shard["width"].to_pylist()) for shard in made) <= 16 << 20
    assert imagemill("inspect", tmp_path / "run").code == 0
