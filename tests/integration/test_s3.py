"""The same run against a real S3 server: the same bytes as on local disk, whatever the network does."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import s3fs

from tasks.runfolder.process_identity import this_process
from tasks.runfolder.storage import Storage
from tests.integration.conftest import BUCKET
from tests.integration.faults import Faults, Proxy
from tests.integration.runs import Outcome, files, snapshot, table, write_prompts
from tests.integration.s3 import S3

Mill = Callable[..., Outcome]
OPTIONS = ("--generator", "dummy", "--shard-size", 10)
ROWS = 30


@pytest.fixture
def local(tmp_path: Path, imagemill: Mill) -> tuple[str, dict[str, str]]:
    """Prompts on local disk, and what the undisturbed local run makes of them."""
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), ROWS, row_group=12)
    assert imagemill("render", prompts, "--out", tmp_path / "local", *OPTIONS).code == 0
    return prompts, snapshot(str(tmp_path / "local"))


@pytest.mark.parametrize("layout", ["files", "parquet", "tar"])
def test_same_bytes_as_local(layout: str, bucket: str, tmp_path: Path, imagemill: Mill) -> None:
    options = [*OPTIONS, "--layout", layout]
    here, there = str(tmp_path / "prompts.parquet"), f"{bucket}/prompts.parquet"
    assert imagemill("render", write_prompts(here, ROWS), "--out", tmp_path / "run", *options).code == 0
    assert imagemill("render", write_prompts(there, ROWS), "--out", f"{bucket}/run", *options).code == 0
    made = files(f"{bucket}/run")
    assert snapshot(f"{bucket}/run") == snapshot(str(tmp_path / "run"))
    assert "run.lock" not in made
    assert any(name.startswith("report/") for name in made)
    assert imagemill("inspect", f"{bucket}/run").code == 0


def test_throttled_30_percent_loses_nothing(
    local: tuple[str, dict[str, str]], bucket: str, proxy: Proxy, imagemill: Mill
) -> None:
    prompts, whole = local
    proxy.faults = Faults(slow_down=0.3)
    outcome = imagemill("render", prompts, "--out", f"{bucket}/run", *OPTIONS)
    proxy.faults = Faults()
    assert outcome.code == 0, outcome.err
    assert "Traceback" not in outcome.err
    assert snapshot(f"{bucket}/run") == whole
    assert proxy.faulted > 10


def test_lost_calls_and_lost_answers(
    local: tuple[str, dict[str, str]], bucket: str, proxy: Proxy, imagemill: Mill
) -> None:
    """A lost answer is the worse one: the server did as asked, and the client asks again."""
    prompts, whole = local
    proxy.faults = Faults(cut_before=0.1, cut_after=0.2)
    outcome = imagemill("render", prompts, "--out", f"{bucket}/run", *OPTIONS)
    proxy.faults = Faults()
    assert outcome.code == 0, outcome.err
    assert snapshot(f"{bucket}/run") == whole
    assert proxy.faulted > 5


@pytest.mark.parametrize("kind", ["images/", "metadata/"])
def test_store_that_keeps_half_of_what_it_is_given(
    kind: str, local: tuple[str, dict[str, str]], bucket: str, imagemill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says that it has the whole: the shard is not complete before it is tried again and has."""
    prompts, whole = local
    cut: set[str] = set()
    whole_write = s3fs.S3FileSystem._pipe_file

    async def half(self: s3fs.S3FileSystem, path: str, data: bytes, **options: object) -> None:
        first = kind in path and path not in cut
        cut.update([path] * first)
        await whole_write(self, path, data[: len(data) // 2] if first else data, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_pipe_file", half)
    assert imagemill("render", prompts, "--out", f"{bucket}/run", *OPTIONS).code == 0
    assert len(cut) >= 3
    assert snapshot(f"{bucket}/run") == whole


def test_store_goes_down_and_comes_back(
    local: tuple[str, dict[str, str]],
    bucket: str,
    s3: S3,
    proxy: Proxy,
    tmp_path: Path,
    imagemill: Mill,
) -> None:
    prompts, whole = local
    proxy.down_after = 30
    down = imagemill("render", prompts, "--out", f"{bucket}/run", *OPTIONS, "--store-patience", "0")
    down.refused("does not answer", "same command again", code=1)
    proxy.down_after = None
    inside = snapshot(f"{bucket}/run")
    assert all(whole[name] == digest for name, digest in inside.items()), "half-written files"
    assert len(inside) < len(whole)
    assert imagemill("render", prompts, "--out", f"{bucket}/run", *OPTIONS).code == 0
    assert snapshot(f"{bucket}/run") == whole


def test_bucket_that_does_not_exist(s3: S3, tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    imagemill("render", prompts, "--out", "s3://no-such-bucket/run", *OPTIONS).refused("no-such-bucket", "not exist")
    imagemill("render", "s3://no-such-bucket/p.parquet", "--out", tmp_path / "run", *OPTIONS).refused("no-such-bucket")
    imagemill("inspect", "s3://no-such-bucket/run").refused("no-such-bucket")


def test_prompts_that_do_not_exist(bucket: str, tmp_path: Path, imagemill: Mill) -> None:
    imagemill("render", f"{bucket}/none.parquet", "--out", tmp_path / "run", *OPTIONS).refused("none.parquet")
    imagemill("render", f"{bucket}/*.parquet", "--out", tmp_path / "run", *OPTIONS).refused("*.parquet")


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_keys(
    variable: str, bucket: str, tmp_path: Path, imagemill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (write_prompts(f"{place}/prompts.parquet", 3) for place in (str(tmp_path), bucket))
    monkeypatch.setenv(variable, "sesame-sesame")
    for prompts, out in ((here, f"{bucket}/run"), (there, str(tmp_path / "run"))):
        outcome = imagemill("render", prompts, "--out", out, *OPTIONS)
        outcome.refused("access denied", variable)
        assert "sesame" not in outcome.err


def test_no_keys(bucket: str, tmp_path: Path, imagemill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    imagemill("render", prompts, "--out", f"{bucket}/run", *OPTIONS).refused("AWS_ACCESS_KEY_ID")


def test_secrets_are_not_written(bucket: str, s3: S3, tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(f"{bucket}/prompts.parquet", 3)
    outcome = imagemill("render", prompts, "--out", tmp_path / "run", *OPTIONS)
    assert outcome.code == 0
    written = b"".join(files(str(tmp_path / "run")).values()) + (outcome.out + outcome.err).encode()
    assert s3.secret.encode() not in written
    assert s3.key.encode() not in written


def test_second_run_on_one_folder_is_refused(bucket: str, s3: S3, tmp_path: Path, imagemill: Mill) -> None:
    """The lock of a run on another machine, seconds old."""
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    lock = f"{BUCKET}/{bucket.rpartition('/')[2]}/run/run.lock"
    s3.filesystem().pipe_file(lock, b'{"host": "elsewhere", "pid": 1, "token": "x"}')
    imagemill("render", prompts, "--out", f"{bucket}/run", *OPTIONS).refused("another run", "process 1 on elsewhere")
    assert table(f"{bucket}/run", "metadata").num_rows == 0


def test_lock_left_by_a_killed_run_here(bucket: str, s3: S3, tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3)
    lock = f"{BUCKET}/{bucket.rpartition('/')[2]}/run/run.lock"
    left = {**this_process(), "pid": 4194305, "token": "x"}  # above the highest pid there is
    s3.filesystem().pipe_file(lock, json.dumps(left).encode())
    assert imagemill("render", prompts, "--out", f"{bucket}/run", *OPTIONS).code == 0
    assert table(f"{bucket}/run", "metadata").num_rows == 3
    assert not s3.filesystem().exists(lock)


def test_of_many_that_create_an_object_one_does(bucket: str) -> None:
    at_once = threading.Barrier(8)

    def create(number: int) -> bool:
        at_once.wait()
        return Storage(bucket).create("x.bin", f"{number}".encode() * 1000)

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(create, range(8)))
    assert created.count(True) == 1
    assert Storage(bucket).read("x.bin") == f"{created.index(True)}".encode() * 1000
