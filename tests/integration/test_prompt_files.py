"""Whole runs over the prompt files that people have: every row is a picture or quarantined, once, in the right text."""

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
    assert made["explain"].to_pylist() == ["x", "y"]


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
