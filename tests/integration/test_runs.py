"""`runs` and `clean`, on disk and on a real S3 server."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tasks.runfolder.lock import WHOLE, working
from tasks.runfolder.storage import Storage
from tests.integration.runs import Outcome, names

Mill = Callable[..., Outcome]
OPTIONS = ("--generator", "dummy", "--shard-size", 2, "--no-report")


def made(imagemill: Mill, tmp_path: Path, out: str, texts: list[str], code: int = 0) -> None:
    pd.DataFrame({"text": texts}).to_parquet(tmp_path / "prompts.parquet")
    assert imagemill("render", tmp_path / "prompts.parquet", "--out", out, *OPTIONS).code == code


def listed(imagemill: Mill, folder: str) -> dict[str, dict[str, object]]:
    done = imagemill("runs", folder, "--json")
    assert done.code == 0, done.err
    runs = [json.loads(line) for line in done.out.splitlines()]
    return {str(run["url"]).rpartition("/")[2]: run for run in runs}


def test_runs_are_listed_and_cleaned_on_disk(imagemill: Mill, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    made(imagemill, tmp_path, f"{runs}/spring/whole", ["a cat", "a dog", "a cow"])
    made(imagemill, tmp_path, f"{runs}/bad", ["a cat", ""], code=3)
    made(imagemill, tmp_path, f"{runs}/half", ["a cat", "a dog", "a cow"])
    (runs / "half/metadata/00001.parquet").unlink()
    (runs / "other").mkdir()
    (runs / "other/run.json").write_text('{"speed": 3}')
    (runs / "spring/whole/notes.txt").write_text("mine")
    old = time.time() - 40 * 86_400
    for path in [*(runs / "spring").rglob("*"), *(runs / "half").rglob("*")]:
        os.utime(path, (old, old))

    found = listed(imagemill, str(runs))
    assert {name: run["state"] for name, run in found.items()} == {
        "whole": "complete",
        "bad": "with quarantined",
        "half": "incomplete",
    }
    assert (found["bad"]["pictures"], found["bad"]["quarantined"], found["half"]["pictures"]) == (1, 1, 2)
    text = imagemill("runs", runs).out
    assert "40 d" in text and "incomplete 1/2" in text

    before = names(str(runs))
    dry = imagemill("clean", runs, "--older-than", "30d")
    assert "2 runs would be deleted" in dry.out and "bad" not in dry.out
    assert names(str(runs)) == before
    assert "1 runs deleted" in imagemill("clean", runs, "--incomplete", "--delete").out
    assert not (runs / "half").exists()
    gone = imagemill("clean", runs, "--older-than", "30d", "--delete")
    assert "still there: notes.txt" in gone.out
    assert names(str(runs / "spring")) == {"whole/notes.txt"}
    assert names(str(runs / "other")) == {"run.json"}
    assert set(listed(imagemill, str(runs))) == {"bad"}


def test_a_run_that_is_worked_on_is_not_deleted(imagemill: Mill, tmp_path: Path) -> None:
    made(imagemill, tmp_path, f"{tmp_path}/run", ["a cat"])
    with working(Storage(f"{tmp_path}/run"), WHOLE):
        assert listed(imagemill, str(tmp_path))["run"]["state"] == "running"
        assert "0 runs deleted" in imagemill("clean", tmp_path, "--older-than", "0", "--delete").out
    assert listed(imagemill, str(tmp_path))["run"]["state"] == "complete"


def test_runs_on_s3(imagemill: Mill, bucket: str, tmp_path: Path) -> None:
    made(imagemill, tmp_path, f"{bucket}/runs/a", ["a cat", "a dog", "a cow"])
    Storage(bucket).write("runs/keep.txt", b"mine")
    assert listed(imagemill, f"{bucket}/runs")["a"]["state"] == "complete"
    assert "1 runs deleted" in imagemill("clean", f"{bucket}/runs", "--older-than", "0", "--delete").out
    assert names(f"{bucket}/runs") == {"keep.txt"}


@pytest.mark.parametrize(
    ("options", "words"),
    [((), ("--older-than", "--incomplete")), (("--older-than", "soon"), ("--older-than", "such as 30m"))],
)
def test_clean_needs_to_know_which(
    imagemill: Mill, tmp_path: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    imagemill("clean", tmp_path, *options).refused(*words)


def test_a_folder_that_is_not_there_is_refused(imagemill: Mill, tmp_path: Path) -> None:
    imagemill("runs", tmp_path / "none").refused("no such folder")
