"""Lanes on Ray make the same bytes as one in this process, each loads its models once, and any may be killed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.engine import local_server
from flows.render import PIPELINE as RENDER
from flows.reprocess import PIPELINE as REPROCESS
from tests.integration.archives import leaks, write_archive
from tests.integration.faults import Killed
from tests.integration.lane_stages import AWAIT_SECOND, AWAIT_THIRD, KILL_ONCE, NOTE_LOADS, noted
from tests.integration.runs import Outcome, files, names, snapshot, table, write_prompts
from tests.ray_cluster import cluster_with_gpus, stored_bytes

pytestmark = pytest.mark.slow
Mill = Callable[..., Outcome]
ROWS, SHARDS = 60, 30
PICTURES = int(os.environ.get("IMAGEMILL_PICTURES", "120"))  # of 786 KB of pixels; 2600 for the 2 GB of the figures


@pytest.fixture(scope="module")
def gpus() -> Iterator[Path]:
    """A cluster with two GPUs; gives the folder of all that it writes."""
    with cluster_with_gpus(2) as folder:
        yield folder


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    return write_prompts(str(tmp_path / "prompts.parquet"), ROWS, seeds=True)


@pytest.fixture
def render(imagemill: Mill, prompts: str, tmp_path: Path) -> Callable[..., Path]:
    """Renders the same prompts with the given options; gives the run folder."""
    shape = ("--generator", "dummy", "--shard-size", ROWS // SHARDS, "--no-report", "--json")

    def run(name: str, *options: object) -> Path:
        done = imagemill("render", prompts, "--out", tmp_path / name, *shape, *options)
        assert done.code == 0, done.err
        told = [line for line in done.err.splitlines() if "rows/s" not in line]
        assert not told, f"noise on the terminal: {told}"
        assert len(done.out.splitlines()) == 1, f"noise before the summary: {done.out}"
        return tmp_path / name

    return run


def test_the_same_bytes_as_with_threads(render: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a cluster of the run's own, with filters."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    threads = render("threads", "--enhance", "contrast:1.1")
    lanes = render("ray", "--enhance", "contrast:1.1", "--runner", "ray")
    assert table(str(threads), "metadata").num_rows == ROWS
    assert snapshot(str(lanes)) == snapshot(str(threads))


def test_an_archive_comes_out_the_same_as_with_threads(
    imagemill: Mill, gpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In other processes, one of them killed: the key for pseudonyms goes with the work, and nothing of it stays."""
    key = "5e7f" * 16
    monkeypatch.setenv("IMAGEMILL_PSEUDONYM_KEY", key)
    monkeypatch.setattr("flows.reprocess.PIPELINE", (*REPROCESS[:-1], KILL_ONCE, REPROCESS[-1]))
    write_archive(str(tmp_path / "archive"), 24)
    shape = ("--enhance", "denoise:0.2", "--burned-in", "header", "--shard-size", 6, "--no-report")
    (tmp_path / "threads-killed").touch()
    for name, options in {"threads": (), "ray": ("--runner", "ray")}.items():
        done = imagemill("reprocess", tmp_path / "archive", "--out", tmp_path / name, *shape, *options)
        assert done.code == 3, done.err
    assert (tmp_path / "ray-killed").exists()
    made = files(str(tmp_path / "ray"))
    assert snapshot(str(tmp_path / "ray")) == snapshot(str(tmp_path / "threads"))
    assert sum(name.endswith(".dcm") for name in made) >= 18
    assert leaks(made) == []
    assert not [path for path in gpus.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]


def test_two_gpus_are_two_lanes_with_one_load_each(
    render: Callable[..., Path], gpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.render.PIPELINE", (*RENDER[:-1], NOTE_LOADS, AWAIT_SECOND, RENDER[-1]))
    lanes = noted(render("gpus", "--runner", "ray", "--device", "cuda", "--width", 256, "--height", 256))
    assert len(lanes) == 2
    assert {loads for shards in lanes.values() for loads in shards.values()} == {1}
    assert sorted(name for shards in lanes.values() for name in shards) == [f"{index:05d}" for index in range(SHARDS)]


def test_a_lane_that_is_killed_is_replaced(
    render: Callable[..., Path], gpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = snapshot(str(render("threads")))
    monkeypatch.setattr("flows.render.PIPELINE", (*RENDER[:-1], NOTE_LOADS, KILL_ONCE, AWAIT_THIRD, RENDER[-1]))
    killed = render("killed", "--runner", "ray", "--device", "cuda")
    assert Path(f"{killed}-killed").exists()
    assert len(noted(killed)) == 3
    assert snapshot(str(killed)) == whole


def test_what_a_killed_run_has_committed_is_not_done_again(
    render: Callable[..., Path], gpus: Path, prompts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_server.configure()
    local_server.wait_for_server()
    whole = snapshot(str(render("threads")))
    out, log = tmp_path / "killed", tmp_path / "log.txt"
    options = ("--generator", "dummy", "--shard-size", str(ROWS // SHARDS), "--no-report", "--json", "--runner", "ray")

    def committed() -> set[str]:
        return {name for name in names(str(out)) if name.startswith("metadata/")}

    driver = Killed(["render", prompts, "--out", str(out), *options, "--window", "1"], log, seed=1)
    driver.attempt(began=lambda: len(committed()) >= 5, within=0)
    assert driver.kills == 1, log.read_text()
    before = committed()
    assert 5 <= len(before) < SHARDS
    monkeypatch.setattr("flows.render.PIPELINE", (*RENDER[:-1], NOTE_LOADS, RENDER[-1]))
    render("killed", "--runner", "ray")
    redone = {name for shards in noted(out).values() for name in shards}
    assert redone <= {f"{index:05d}" for index in range(SHARDS)} - {Path(name).stem for name in before}
    assert snapshot(str(out)) == whole


def test_pictures_stay_out_of_the_object_store(imagemill: Mill, gpus: Path, tmp_path: Path) -> None:
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), PICTURES, size=512)
    before = stored_bytes()
    shape = ("--generator", "dummy", "--shard-size", 8, "--format", "jpeg", "--no-report")
    done = imagemill("render", prompts, "--out", tmp_path / "run", *shape, "--runner", "ray")
    assert done.code == 0, done.err
    stored = stored_bytes() - before
    print(f"{PICTURES * 3 * 512 * 512 / 2**20:.0f} MB of pixels, {stored / 2**20:.3f} MB through the object store")
    assert stored < 50 * 2**20 and stored < PICTURES * 1000
