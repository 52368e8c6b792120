"""`--join`: any number of workers on one run folder, whichever of them is killed, slow or stopped."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import fsspec
import pytest

from flows.engine import local_server
from tests.integration.archives import write_archive
from tests.integration.runs import Outcome, files, names, snapshot, table, write_prompts

Mill = Callable[..., Outcome]
SHARD = 8
SHAPE = ("--generator", "dummy", "--shard-size", str(SHARD), "--width", "32", "--height", "32")


class Worker:
    """A worker in a process of its own; `seconds` a shard, which is one batch."""

    def __init__(self, log: Path, prompts: str, out: str, seconds: float, stale: float = 90, *options: str) -> None:
        arguments = ["render", prompts, "--out", out, *SHAPE, "--join", "--json", *options]
        self.out = out
        self.log = log
        command = [sys.executable, "-m", "tests.integration.joiner", str(seconds), str(stale), *arguments]
        with log.open("w") as file:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)

    def holds(self) -> list[str]:
        """The shards that it has claimed."""
        inside = {name: json.loads(data) for name, data in read(self.out) if name.startswith(("workers/", "claims/"))}
        mine = {name.removeprefix("workers/") for name, said in inside.items() if said.get("pid") == self.process.pid}
        return [name for name, said in inside.items() if name.startswith("claims/") and said["token"] in mine]

    def until(self, condition: Callable[[], object], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(0.02)

    def summary(self) -> dict[str, object]:
        """What it printed at its end."""
        out, _ = self.process.communicate(timeout=180)
        assert self.process.returncode == 0, self.log.read_text()[-2000:]
        told: dict[str, object] = json.loads(out)
        return told


def read(out: str) -> Iterator[tuple[str, bytes]]:
    """The marks and claims that can be read just now."""
    fs, base = fsspec.url_to_fs(out, **({"use_listings_cache": False} if out.startswith("s3://") else {}))
    for folder in ("workers", "claims"):
        try:
            found = fs.find(f"{base}/{folder}")
        except FileNotFoundError:
            continue
        for path in found:
            if path.rpartition("/")[2].startswith("."):
                continue  # one that is being written
            try:
                yield path.removeprefix(f"{base.rstrip('/')}/"), fs.cat_file(path)
            except FileNotFoundError:
                continue


@pytest.fixture(params=["local", "s3"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    local_server.configure()  # one Prefect server for all
    local_server.wait_for_server()
    return str(tmp_path) if request.param == "local" else str(request.getfixturevalue("bucket"))


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers, and ends those that are left."""
    with ExitStack() as stack:

        def start(*arguments: object) -> Worker:
            number = len(list(tmp_path.glob("*.log")))
            made = Worker(tmp_path / f"{number}.log", *arguments)  # type: ignore[arg-type]
            stack.callback(made.process.wait)
            stack.callback(made.process.kill)
            return made

        yield start


def check(out: str, whole: str, rows: int) -> None:
    """The run folder is that of one undisturbed run, and nothing of its workers is left in it."""
    assert snapshot(out) == snapshot(whole)
    assert table(out, "metadata")["row"].to_pylist() == list(range(rows))
    assert "report/index.html" in names(out)
    assert not [name for name in names(out) if name.startswith(("workers/", "claims/")) or name.endswith(".part")]


@pytest.mark.slow
def test_one_of_three_is_killed_in_mid_shard(
    base: str, tmp_path: Path, imagemill: Mill, worker: Callable[..., Worker]
) -> None:
    rows, out = 60 * SHARD, f"{base}/run"
    prompts = write_prompts(f"{base}/prompts.parquet", rows)
    assert imagemill("render", prompts, "--out", f"{base}/whole", *SHAPE).code == 0
    workers = [worker(prompts, out, 0.3) for _ in range(3)]
    victim = workers.pop()
    victim.until(victim.holds)
    for other in workers:
        other.until(other.holds)
    victim.process.send_signal(signal.SIGSTOP)
    assert victim.holds()
    victim.process.kill()
    told = [other.summary() for other in workers]
    check(out, f"{base}/whole", rows)
    assert all(each["pictures"] == rows and each["rows"] == rows for each in told), told
    made = [each["pictures_made"] for each in told]
    assert all(isinstance(pictures, int) and 0 < pictures < rows for pictures in made), made


@pytest.mark.slow
@pytest.mark.parametrize("base", ["s3"], indirect=True)
def test_one_of_three_is_twenty_times_as_slow(
    base: str, tmp_path: Path, imagemill: Mill, worker: Callable[..., Worker]
) -> None:
    rows, seconds = 100 * SHARD, 0.25
    prompts = write_prompts(f"{base}/prompts.parquet", rows)

    def timed(out: str, *paces: float) -> float:
        """Seconds from the first shard to the last."""
        workers = [worker(prompts, out, pace) for pace in paces]
        for each in workers:
            each.until(each.holds)
        began = time.monotonic()
        done = len([name for name in names(out) if name.startswith("metadata/")])
        for each in workers[:2]:
            each.summary()
        shards = len([name for name in names(out) if name.startswith("metadata/")])
        assert shards == rows // SHARD
        took = (time.monotonic() - began) * shards / (shards - done)
        for each in workers:
            if each.process.poll() is None:
                each.summary()
        return took

    without = timed(f"{base}/without", seconds, seconds)
    slow = timed(f"{base}/slow", seconds, seconds, 20 * seconds)
    print(f"{without:.1f} s without, {slow:.1f} s with a slow one: {slow / without:.2f}")
    assert slow < 1.3 * without
    check(f"{base}/slow", f"{base}/without", rows)


@pytest.mark.slow
def test_one_is_stopped_beyond_its_lease_and_goes_on(
    base: str, tmp_path: Path, imagemill: Mill, worker: Callable[..., Worker]
) -> None:
    rows, out, stale = 40 * SHARD, f"{base}/run", 4.0
    prompts = write_prompts(f"{base}/prompts.parquet", rows)
    assert imagemill("render", prompts, "--out", f"{base}/whole", *SHAPE).code == 0
    stopped, other = (worker(prompts, out, 0.3, stale) for _ in range(2))
    for each in (stopped, other):
        each.until(lambda each=each: len(each.holds()) > 1)
    stopped.process.send_signal(signal.SIGSTOP)
    held = stopped.holds()
    assert held
    other.summary()  # it has done the others' shards, too
    before = {name: data for name, data in files(out).items() if name.startswith(("metadata/", "timings/"))}
    assert len(before) == 2 * rows // SHARD
    stopped.process.send_signal(signal.SIGCONT)
    told = stopped.summary()
    assert told["pictures"] == rows
    after = {name: data for name, data in files(out).items() if name.startswith(("metadata/", "timings/"))}
    assert after == before, "it committed what was another's by then"
    check(out, f"{base}/whole", rows)


@pytest.mark.slow
@pytest.mark.parametrize("base", ["local"], indirect=True)
def test_a_whole_run_beside_workers_is_refused_or_waits(
    base: str, tmp_path: Path, imagemill: Mill, worker: Callable[..., Worker]
) -> None:
    rows, out = 20 * SHARD, f"{base}/run"
    prompts = write_prompts(f"{base}/prompts.parquet", rows)
    arguments = ["render", prompts, "--out", out, *SHAPE]
    joined = worker(prompts, out, 0.5)
    joined.until(joined.holds)
    imagemill(*arguments).refused(out, f"process {joined.process.pid} on", "--wait", "--join")
    imagemill(*arguments, "--partition", "1/2").refused(out, f"process {joined.process.pid} on", "--wait")
    waited = imagemill(*arguments, "--wait", "--json")
    assert joined.process.wait(30) == 0
    assert waited.code == 0, waited.err
    assert f"waiting for process {joined.process.pid} on" in waited.err
    assert json.loads(waited.out)["pictures_made"] == 0
    assert imagemill(*arguments[:3], f"{base}/whole", *SHAPE).code == 0
    check(out, f"{base}/whole", rows)


@pytest.mark.slow
def test_two_workers_on_an_archive(tmp_path: Path, imagemill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMILL_PSEUDONYM_KEY", "5e7f" * 16)
    local_server.configure()
    local_server.wait_for_server()
    write_archive(str(tmp_path / "archive"), 96)
    shape = ("--enhance", "denoise:0.2", "--burned-in", "header", "--shard-size", "4", "--json")
    arguments = ["reprocess", str(tmp_path / "archive"), *shape, "--out"]
    assert imagemill(*arguments, tmp_path / "whole").code == 3
    command = [sys.executable, "-m", "flows", *arguments, str(tmp_path / "run"), "--join"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(2)]
    told = [json.loads(worker.communicate(timeout=180)[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [3, 3]
    assert snapshot(str(tmp_path / "run")) == snapshot(str(tmp_path / "whole"))
    for each in told:
        assert each["pictures"] + each["quarantined"] == each["rows"] == 96
    assert sum(each["pictures_made"] for each in told) == told[0]["pictures"]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--partition", "1/2"], "--partition is a fixed share"),
        (["--retry-quarantined"], "--retry-quarantined changes complete shards"),
        (["--no-resume"], "--no-resume refuses one"),
        (["--runner", "ray"], "--runner ray gives out the shards itself"),
    ],
)
def test_options_that_do_not_fit(option: list[str], words: str, tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 4)
    imagemill("render", prompts, "--out", tmp_path / "run", *SHAPE, "--join", *option).refused(words)
    assert not (tmp_path / "run").exists()


def test_a_single_worker_does_all_and_again_nothing(tmp_path: Path, imagemill: Mill) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), 3 * SHARD)
    arguments = ["render", prompts, "--out", tmp_path / "run", *SHAPE, "--join", "--json"]
    for made in (3 * SHARD, 0):
        done = imagemill(*arguments)
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["pictures"], told["pictures_made"]) == (3 * SHARD, made)
        assert Path(told["report"]).exists()
    assert not (tmp_path / "run" / "workers").exists()
