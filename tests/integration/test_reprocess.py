"""`imagemill reprocess` as a whole: no identity gets through, no file is lost, and a kill changes no byte.

    IMAGEMILL_ARCHIVE_FILES=2000 IMAGEMILL_KILLS=20 IMAGEMILL_EDGE=20000 pytest tests/integration/test_reprocess.py -s

is the full size.
"""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from flows.engine import local_server
from tests.integration.archives import A_STUDY, leaks, write_archive
from tests.integration.faults import Killed
from tests.integration.runs import Outcome, files, names, snapshot, table, with_own_server
from tests.integration.s3 import S3
from tests.tasks.dicom.samples import sample

Mill = Callable[..., Outcome]
FILES = int(os.environ.get("IMAGEMILL_ARCHIVE_FILES", "150"))
KILLS = int(os.environ.get("IMAGEMILL_KILLS", "3"))
EDGE = int(os.environ.get("IMAGEMILL_EDGE", "12000"))
KEY = "5e7f" * 16
CHAIN = ("--enhance", "denoise:0.2,sharpen:0.3")
QUICK = (*CHAIN, "--burned-in", "header")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMILL_PSEUDONYM_KEY", KEY)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_identity_in_any_byte_that_is_left(bucket: str, s3: S3, tmp_path: Path) -> None:
    """From S3 to S3, by a process of its own with all that Prefect logs and stores; looking for burned-in text, too."""
    write_archive(f"{bucket}/archive", 48)
    planted = files(f"{bucket}/archive")
    assert len(leaks(planted)) >= 2 * 48 - 2, "the search finds what was planted, in names and in contents"
    log = tmp_path / "log.txt"
    home = tmp_path / "home"
    environment = {**with_own_server(home), "PREFECT_LOGGING_LEVEL": "DEBUG", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "flows", "reprocess", f"{bucket}/archive", "--out", f"{bucket}/run", *CHAIN]
    with log.open("wb") as output:
        code = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False).returncode
    assert code == 3, log.read_text()[-2000:]
    made = files(f"{bucket}/run")
    assert sum(name.endswith(".dcm") for name in made) >= 36
    assert any(name.endswith(".html") for name in made)
    left_here = everything(home) | {"log": log.read_bytes()}
    assert any(name.endswith("prefect.db") for name in left_here)
    assert leaks(made | left_here) == []
    secret = KEY.encode()
    assert not [name for name, data in (made | left_here).items() if secret in data], "the key is written nowhere"


@pytest.mark.slow
def test_killed_at_random_from_s3_to_s3(bucket: str, tmp_path: Path, imagemill: Mill) -> None:
    local_server.configure()  # one Prefect server for all starts
    local_server.wait_for_server()
    archive, log = f"{bucket}/archive", tmp_path / "log.txt"
    write_archive(archive, FILES)
    command = ["reprocess", archive, *QUICK, "--shard-size", "8", "--out"]

    began = time.monotonic()
    undisturbed = Killed([*command, f"{bucket}/undisturbed"], log, seed=0)
    undisturbed.attempt()
    seconds = time.monotonic() - began
    assert undisturbed.returncode == 3, log.read_text()[-2000:]
    whole = snapshot(f"{bucket}/undisturbed")

    done = run = 0
    while done < KILLS:
        run += 1
        out = f"{bucket}/run{run}"
        killed = Killed([*command, out], log, seed=run)
        while killed.returncode is None:
            if done + killed.kills >= KILLS:
                killed.attempt()
            else:
                before = names(out)
                killed.attempt(began=lambda before=before, out=out: names(out) != before, within=seconds / 4)
        assert killed.returncode == 3, log.read_text()[-2000:]
        done += killed.kills
        assert snapshot(out) == whole
        rows = table(out, "metadata")["row"].to_pylist() + table(out, "quarantine")["row"].to_pylist()
        assert sorted(rows) == list(range(FILES))
    assert leaks(files(out)) == []
    assert leaks({"log": log.read_bytes()}) == []
    pixels = [] if FILES > 2000 else ["--no-pixels"]  # reading them takes half a second each
    verified = imagemill("verify", out, "--against", archive, "--json", *pixels)
    told = json.loads(verified.out)
    assert (verified.code, told["found"]) == (0, 0), told["places"][:3]
    assert told["identifiers"] > 20 * FILES / A_STUDY
    print(told)
    print(f"{FILES} files, {done} kills over {run} runs of {seconds:.1f} s each")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_archive(str(tmp_path / "archive"), 32)
    return tmp_path / "archive"


def test_every_file_is_made_or_put_aside_with_its_study_named(archive: Path, tmp_path: Path, imagemill: Mill) -> None:
    done = imagemill("reprocess", archive, "--out", tmp_path / "run", *QUICK, "--json")
    assert done.code == 3
    told = json.loads(done.out)
    made, aside = (table(str(tmp_path / "run"), part) for part in ("metadata", "quarantine"))
    assert sorted(made["row"].to_pylist() + aside["row"].to_pylist()) == list(range(32))
    assert {"skip", "open"} == set(aside["stage"].to_pylist())
    assert (told["studies"], told["studies_incomplete"]) == (8, 2)
    assert set(told["incomplete"]) == set(aside["study"].to_pylist())
    assert set(told["incomplete"]) <= set(made["study"].to_pylist()), "the rest of those studies was made"
    where = imagemill("locate", archive, *aside["row"].to_pylist(), "--run", tmp_path / "run")
    assert where.code == 0
    assert "Zzyq" in where.out
    inspected = imagemill("inspect", tmp_path / "run")
    assert "no image: Basic Text SR Storage" in inspected.out


def test_an_archive_is_adjusted_by_words(tmp_path: Path, imagemill: Mill) -> None:
    """The words come to the same chain as if it had been written, in every file."""
    archive = tmp_path / "archive"
    write_archive(str(archive), 12)
    words = ("--instruct", "much less contrast, denoise a bit", "--burned-in", "header")
    done = imagemill("reprocess", archive, "--out", tmp_path / "words", *words, "--no-report")
    assert done.code in {0, 3}, done.err
    chain = json.loads((tmp_path / "words/run.json").read_text())["job"]["enhance"]
    assert chain == "contrast:0.6,denoise:0.15"
    written = ("--enhance", chain, "--burned-in", "header")
    assert imagemill("reprocess", archive, "--out", tmp_path / "chain", *written, "--no-report").code == done.code
    made, same = (table(str(tmp_path / name), "metadata").to_pylist() for name in ("words", "chain"))
    assert [row["sha256"] for row in made] == [row["sha256"] for row in same]
    assert all(row["contrast"] < 0.75 * row["contrast_before"] for row in made if row["contrast_before"] > 0.05)
    refused = imagemill("reprocess", archive, "--out", tmp_path / "none", "--instruct", "add a cat")
    assert (refused.code, (tmp_path / "none").exists()) == (2, False)


def test_files_with_a_uid_again_are_all_made_and_counted(tmp_path: Path, imagemill: Mill) -> None:
    """An exact copy gets the same new UID; another picture under the UID of the first gets one of its own."""
    folder = tmp_path / "archive"
    folder.mkdir()
    one = dcmread(io.BytesIO(sample("CT_small.dcm")))
    one.save_as(folder / "a.dcm")
    one.save_as(folder / "b copy.dcm")
    one.PixelData = np.roll(one.pixel_array, 5, 0).tobytes()
    one.save_as(folder / "c other.dcm")
    done = imagemill("reprocess", folder, "--out", tmp_path / "run", *QUICK, "--json")
    assert done.code == 0
    assert json.loads(done.out)["duplicates"] == 2
    made = table(str(tmp_path / "run"), "metadata").sort_by("row")
    uids = [dcmread(tmp_path / "run" / path).SOPInstanceUID for path in made["image"].to_pylist()]
    assert uids[0] == uids[1] != uids[2]


def test_same_identity_in_every_runner_and_run(archive: Path, tmp_path: Path, imagemill: Mill) -> None:
    runs = {}
    for name, options in {"one": (), "other": ("--shard-size", 3, "--window", 1), "ray": ("--runner", "ray")}.items():
        assert imagemill("reprocess", archive, "--out", tmp_path / name, *QUICK, *options, "--no-report").code == 3
        runs[name] = {
            row["row"]: (row["sha256"], row["study"]) for row in table(str(tmp_path / name), "metadata").to_pylist()
        }
    assert runs["one"] == runs["other"] == runs["ray"]


def test_kept_identities_stay(archive: Path, tmp_path: Path, imagemill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEMILL_PSEUDONYM_KEY")
    assert imagemill("reprocess", archive, "--out", tmp_path / "run", *QUICK, "--keep-identity").code == 3
    made = table(str(tmp_path / "run"), "metadata").to_pylist()
    assert all("Zzyq" in row["source"] for row in made)
    first = next(row for row in made if row["kind"] == "dicom")
    assert str(dcmread(tmp_path / "run" / first["image"]).PatientName).startswith("Zzyq")
    assert len(made) == 30
    assert len(leaks(everything(tmp_path / "run"))) >= 30


def test_no_key_another_key_and_a_changed_archive_are_refused(
    archive: Path, tmp_path: Path, imagemill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("reprocess", archive, "--out", tmp_path / "run", *QUICK, "--no-report")
    assert imagemill(*command).code == 3
    before = snapshot(str(tmp_path / "run"))
    assert imagemill(*command).code == 3
    with monkeypatch.context() as patch:
        patch.setenv("IMAGEMILL_PSEUDONYM_KEY", "another key, as long as a key must be")
        imagemill(*command).refused("made from something else", "pseudonym key")
        patch.delenv("IMAGEMILL_PSEUDONYM_KEY")
        imagemill(*command).refused("key for pseudonyms is missing", "token_hex", "IMAGEMILL_PSEUDONYM_KEY")
    other = ("reprocess", archive, "--out", tmp_path / "run", "--enhance")
    imagemill(*other, "sharpen:0.4").refused("made from something else", "sharpen:0.4")
    imagemill(*other, "sharpn:0.4").refused("did you mean 'sharpen'")
    (archive / "new.dcm").write_bytes(b"new")
    imagemill(*command).refused("made from something else", "digest")
    imagemill("reprocess", archive, "--out", archive / "run").refused("lies in the archive")
    imagemill("reprocess", tmp_path / "none", "--out", tmp_path / "run2").refused("no such folder")
    assert snapshot(str(tmp_path / "run")) == before


def test_archive_that_fails_wholesale_is_stopped(tmp_path: Path, imagemill: Mill) -> None:
    for number in range(40):
        path = tmp_path / "archive" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("no picture")
    done = imagemill(
        "reprocess", tmp_path / "archive", "--out", tmp_path / "run", "--max-failures", "50%", "--shard-size", 4
    )
    done.refused("more than --max-failures 50% allows", code=1)


def test_a_run_goes_on_with_the_shards_it_began_with(tmp_path: Path, imagemill: Mill) -> None:
    for number in range(10):
        path = tmp_path / "archive" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("no picture")
    arguments = ["reprocess", tmp_path / "archive", "--out", tmp_path / "run", "--no-report", "--shard-size"]
    assert imagemill(*arguments, 4).code == 3
    (tmp_path / "run" / "metadata" / "00001.parquet").unlink()
    assert imagemill(*arguments, 3).code == 3
    assert table(str(tmp_path / "run"), "quarantine")["row"].to_pylist() == list(range(10))


def write_large(path: Path, edge: int) -> None:
    """A CT of so many rows and columns, written a row at a time: noise about 1000."""
    dataset = dcmread(io.BytesIO(sample("693_UNCI.dcm")))
    small = dataset.Rows * dataset.Columns * 2
    dataset.Rows = dataset.Columns = edge
    out = io.BytesIO()
    dataset.save_as(out)
    head = out.getvalue()[: -small - 4] + (2 * edge * edge).to_bytes(4, "little")
    rows = np.random.default_rng(3).integers(900, 1200, (64, edge)).astype("<i2")
    path.parent.mkdir()
    with path.open("wb") as file:
        file.write(head)
        for row in range(edge):
            file.write(rows[row % 64].tobytes())


PEAK = """
import resource, sys
from flows.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def peak_memory(archive: Path, out: Path, code: int) -> float:
    """Bytes that a run holds at most."""
    command = [sys.executable, "-c", PEAK, "reprocess", archive, "--out", out, *QUICK, "--no-report"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr[-2000:]
    return 1024.0 * int(done.stderr.split()[-1])


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    few, many = FILES, 4 * FILES
    for count in (few, many):
        write_archive(str(tmp_path / str(count)), count)
    small, large = (peak_memory(tmp_path / str(count), tmp_path / f"run{count}", 3) for count in (few, many))
    print(f"{few} files: {small / 2**20:.0f} MB, {many} files: {large / 2**20:.0f} MB, ratio {large / small:.3f}")
    assert large <= 1.2 * small


@pytest.mark.slow
def test_single_image_larger_than_memory_allows(tmp_path: Path) -> None:
    """288 MB here; the full size is 20,000 x 20,000, which is 800 MB."""
    write_large(tmp_path / "archive" / "large.dcm", EDGE)
    write_archive(str(tmp_path / "small"), 16)
    small = peak_memory(tmp_path / "small", tmp_path / "run", 3)
    large = peak_memory(tmp_path / "archive", tmp_path / "run-large", 0)
    print(f"small files: {small / 2**20:.0f} MB, one of {EDGE} x {EDGE}: {large / 2**20:.0f} MB")
    (made,) = table(str(tmp_path / "run-large"), "metadata").to_pylist()
    assert (made["width"], made["height"]) == (EDGE, EDGE)
    assert (tmp_path / "run-large" / made["image"]).stat().st_size == made["bytes"] > 2 * EDGE * EDGE
    assert large - small < 300 * 2**20
