"""The same command again carries on: after `kill -9` at any instant, beside another run, for rows that failed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from torch import Tensor

from flows.engine import local_server
from models.generators.dummy import DummyGenerator
from tasks.runfolder.completed import complete_shards
from tasks.runfolder.storage import Storage
from tests.integration.faults import Faults, Killed, Proxy, remount
from tests.integration.runs import Outcome, names, snapshot, table, write_prompts

Mill = Callable[..., Outcome]
KILLS = os.environ.get("IMAGEMILL_KILLS")  # 20 for the figures; each costs some seconds
CUT_WRITES = int(os.environ.get("IMAGEMILL_CUT_WRITES", "3"))  # kills at each of two places; 50 for the figures
ROWS = 400


def command(prompts: str, out: str) -> list[str]:
    return ["render", prompts, "--out", out, "--generator", "dummy", "--shard-size", "8", "--no-report"]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "kills"), [("local", int(KILLS or 5)), ("s3", int(KILLS or 3))])
def test_killed_at_random_instants(place: str, kills: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    local_server.configure()  # one Prefect server for all starts
    local_server.wait_for_server()
    base = str(tmp_path) if place == "local" else request.getfixturevalue("bucket")
    prompts = write_prompts(f"{base}/prompts.parquet", ROWS)
    log = tmp_path / "log.txt"

    began = time.monotonic()
    undisturbed = Killed(command(prompts, f"{base}/undisturbed"), log, seed=0)
    undisturbed.attempt()
    seconds = time.monotonic() - began
    assert undisturbed.returncode == 0, log.read_text()[-2000:]
    whole = snapshot(f"{base}/undisturbed")

    draw, done, run = random.Random(kills), 0, 0
    while done < kills:  # a run that gets complete before all kills are spent is followed by another
        run += 1
        out = f"{base}/run{run}"
        killed = Killed(command(prompts, out), log, seed=run)
        while killed.returncode is None:
            if done + killed.kills >= kills:
                killed.attempt()
            elif draw.random() < 0.25:  # into the start-up, or wherever it falls
                killed.attempt(within=seconds)
            else:  # into the work: from the first change in the folder on
                before = names(out)
                killed.attempt(began=lambda before=before, out=out: names(out) != before, within=seconds / 5)
        assert killed.returncode == 0, log.read_text()[-2000:]
        done += killed.kills
        assert snapshot(out) == whole
        rows = table(out, "metadata")["row"].to_pylist()
        assert rows == list(range(ROWS))
        assert not [name for name in names(out) if name.endswith((".part", "run.lock")) and name != ".run.lock"]
    print(f"{done} kills over {run} runs of {seconds:.1f} s each")


def check_complete_shards(out: str, whole: dict[str, str]) -> None:
    """The files of a shard that counts as complete are those of an undisturbed run, to the byte."""
    complete, inside = complete_shards(Storage(out)), snapshot(out)
    for path, digest in whole.items():
        if PurePosixPath(path).parts[1].removesuffix(".parquet") in complete:
            assert inside.get(path) == digest, path


@pytest.mark.slow
@pytest.mark.parametrize("place", ["a disk that fills", "a store that cuts writes"])
def test_killed_where_writes_are_cut_short(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """After each kill, full disk and cut write, what counts as complete is whole; in the end all is."""
    local_server.configure()
    local_server.wait_for_server()
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), ROWS)
    options = [*command(prompts, ""), "--width", "64", "--height", "64"]
    log, kills, draw = tmp_path / "log.txt", CUT_WRITES, random.Random(7)
    options[options.index("--out") + 1] = str(tmp_path / "undisturbed")
    undisturbed = Killed(options, log, seed=0)
    undisturbed.attempt()
    assert undisturbed.returncode == 0, log.read_text()[-2000:]
    whole = snapshot(str(tmp_path / "undisturbed"))

    if place == "a disk that fills":
        disk, room = request.getfixturevalue("full_disk"), 0.5  # MB
        remount(disk, "size=512k")
        out = f"{disk}/run"
    else:
        proxy: Proxy = request.getfixturevalue("proxy")
        proxy.faults = Faults(keep_half=0.1)
        options += ["--store-patience", "3s"]
        out = f"{request.getfixturevalue('bucket')}/run"
    options[options.index("--out") + 1] = out
    killed = Killed(options, log, seed=1)
    killed.attempt()
    check_complete_shards(out, whole)
    assert place == "a store that cuts writes" or (killed.returncode == 1 and "the disk is full" in log.read_text())
    while killed.kills < kills:
        if place == "a disk that fills":
            room += 0.25
            remount(disk, f"size={int(room * 1024)}k")
        before = names(out)
        killed.attempt(began=lambda before=before: names(out) != before, within=draw.choice([1, 4, 10]))
        assert killed.returncode in {None, 0, 1}, log.read_text()[-2000:]
        check_complete_shards(out, whole)
        if killed.returncode == 0:  # done before all kills are spent: once more, from a part of it
            files = Storage(out)
            for name in sorted(complete_shards(files))[::2]:
                files.delete(f"metadata/{name}.parquet")
    if place == "a disk that fills":
        remount(disk, "size=200m")
    else:
        assert proxy.faulted > 3
        proxy.faults = Faults()
    killed.attempt()
    assert killed.returncode == 0, log.read_text()[-2000:]
    assert snapshot(out) == whole


def test_second_run_at_the_same_time_is_refused(tmp_path: Path, imagemill: Mill) -> None:
    """The first run is a process of its own, killed in the end; a third then carries on."""
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), ROWS)
    out = tmp_path / "run"
    arguments = command(prompts, str(out))
    with subprocess.Popen(
        [sys.executable, "-m", "flows", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        try:
            while not (out / "run.json").exists():
                assert first.poll() is None
                time.sleep(0.01)
            first.send_signal(signal.SIGSTOP)  # it must not get ready before the second is tried
            imagemill(*arguments).refused(str(out), "another run")
        finally:
            first.kill()
    assert imagemill(*arguments).code == 0
    assert table(str(out), "metadata")["row"].to_pylist() == list(range(ROWS))


def test_changed_input_is_refused(tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 20)
    arguments = ["render", prompts, "--out", tmp_path / "run", "--generator", "dummy"]
    assert imagemill(*arguments).code == 0
    before = snapshot(str(tmp_path / "run"))
    write_prompts(prompts, 21)
    imagemill(*arguments).refused("made from something else", "20", "21")
    assert snapshot(str(tmp_path / "run")) == before


@pytest.mark.parametrize("option", [["--seed", "1"], ["--count", "2"], ["--layout", "tar"], ["--width", "32"]])
def test_changed_job_is_refused(option: list[str], tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 20)
    arguments = ["render", prompts, "--out", tmp_path / "run", "--generator", "dummy"]
    assert imagemill(*arguments).code == 0
    imagemill(*arguments, *option).refused(option[0].removeprefix("--"), option[1])
    assert imagemill(*arguments, "--window", 1, "--batch-size", 3).code == 0, "how it is run may change"


def test_a_run_goes_on_with_the_shards_it_began_with(tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 40)
    arguments = ["render", prompts, "--out", tmp_path / "run", "--generator", "dummy", "--no-report"]
    assert imagemill(*arguments, "--batch-size", 8).code == 0
    whole = snapshot(str(tmp_path / "run"))
    (tmp_path / "run" / "metadata" / "00002.parquet").unlink()
    assert imagemill(*arguments, "--batch-size", 10).code == 0, "which alone would cut other shards"
    assert snapshot(str(tmp_path / "run")) == whole


def test_run_is_refused_without_resume(tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 5)
    arguments = ["render", prompts, "--out", tmp_path / "run", "--generator", "dummy"]
    assert imagemill(*arguments, "--no-resume").code == 0
    imagemill(*arguments, "--no-resume").refused("--no-resume")


def test_complete_run_is_left_alone(tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 40)
    arguments = ["render", prompts, "--out", tmp_path / "run", "--generator", "dummy", "--shard-size", 8]
    assert imagemill(*arguments).code == 0
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "images").rglob("*.png")}
    assert len(times) == 40
    assert imagemill(*arguments).code == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.parametrize("layout", ["files", "parquet", "tar"])
def test_retry_quarantined_redoes_only_failed_rows(
    layout: str, tmp_path: Path, imagemill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 24)
    arguments = ["render", prompts, "--generator", "dummy", "--shard-size", 8, "--layout", layout, "--out"]
    assert imagemill(*arguments, tmp_path / "whole").code == 0
    whole = table(str(tmp_path / "whole"), "metadata")
    ill = {whole["seed"][row].as_py() for row in (3, 5, 20)}
    generate = DummyGenerator.generate

    def failing(self: DummyGenerator, features: list[object], seeds: list[int], *rest: Any, **options: Any) -> Tensor:
        if ill & set(seeds):
            raise RuntimeError("the model stumbles over this row")
        return generate(self, features, seeds, *rest, **options)

    run = str(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(DummyGenerator, "generate", failing)
        assert imagemill(*arguments, run).code == 3
        assert table(run, "metadata")["row"].to_pylist() == [row for row in range(24) if row not in {3, 5, 20}]
        first = snapshot(run)
        assert imagemill(*arguments, run).code == 3
        assert snapshot(run) == first, "without the option failed rows are left alone"

        ill.remove(whole["seed"][5].as_py())
        assert imagemill(*arguments, run, "--retry-quarantined").code == 3
        failed = table(run, "quarantine")
        assert [(row["row"], row["attempt"]) for row in failed.to_pylist()] == [(3, 2), (20, 2)]
        assert all("stumbles" in error for error in failed["error"].to_pylist())

    assert imagemill(*arguments, run, "--retry-quarantined").code == 0
    made = table(run, "metadata")
    assert made.drop_columns("image").equals(whole.drop_columns("image"))
    assert table(run, "quarantine").num_rows == 0
    if layout == "files":
        assert {name: digest for name, digest in snapshot(run).items() if name.startswith("images/")} == {
            name: digest for name, digest in snapshot(str(tmp_path / "whole")).items() if name.startswith("images/")
        }
