"""Threads, Ray and Dask make the same bytes; on a cluster the models keep to the GPUs and load once a process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster

from tests.integration.archives import leaks, write_archive
from tests.integration.runs import Outcome, files, snapshot, table, write_prompts

pytestmark = pytest.mark.slow
Mill = Callable[..., Outcome]
ROWS, SHARDS = 48, 6


@pytest.fixture
def patient(imagemill: Mill) -> Mill:
    """The command, up to three times where a busy machine took longer over Ray's start than the 30 seconds it gives."""

    def run(*arguments: object) -> Outcome:
        for _ in range(3):
            done = imagemill(*arguments)
            if "timed out during startup" not in done.err:
                break
        return done

    return run


@pytest.fixture
def render(patient: Mill, tmp_path: Path) -> Callable[..., str]:
    """Renders the same prompts with the given options; gives the run folder."""
    prompts = write_prompts(str(tmp_path / "prompts.parquet"), ROWS, seeds=True)
    shape = ("--generator", "dummy", "--shard-size", ROWS // SHARDS, "--no-report")

    def run(name: str, *options: object, enhance: str = "contrast:1.1") -> str:
        out = str(tmp_path / name)
        done = patient("render", prompts, "--out", out, *shape, "--enhance", enhance, *options, "--json")
        assert done.code == 0, done.err
        told = [line for line in done.err.splitlines() if "rows/s" not in line]
        assert not told, f"noise on the terminal: {told}"
        assert len(done.out.splitlines()) == 1, f"noise before the summary: {done.out}"
        return out

    return run


@pytest.mark.parametrize("runner", ["ray", "dask"])
def test_the_same_bytes_as_with_threads(render: Callable[..., str], runner: str) -> None:
    threads = render("threads")
    cluster = render(runner, "--runner", runner)
    assert table(threads, "metadata").num_rows == ROWS
    assert snapshot(cluster) == snapshot(threads)


@pytest.mark.parametrize("runner", ["ray", "dask"])
def test_an_archive_comes_out_the_same_as_with_threads(
    patient: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str
) -> None:
    """In other processes, too: the key for pseudonyms goes with the work, and nothing of it stays."""
    monkeypatch.setenv("IMAGEMILL_PSEUDONYM_KEY", "5e7f" * 16)
    write_archive(str(tmp_path / "archive"), 24)
    shape = ("--enhance", "denoise:0.2", "--burned-in", "header", "--shard-size", 6, "--no-report")
    for name, options in {"threads": (), runner: ("--runner", runner)}.items():
        done = patient("reprocess", tmp_path / "archive", "--out", tmp_path / name, *shape, *options)
        assert done.code == 3, done.err
    made = files(str(tmp_path / runner))
    assert snapshot(str(tmp_path / runner)) == snapshot(str(tmp_path / "threads"))
    assert sum(name.endswith(".dcm") for name in made) >= 20
    assert leaks(made) == []


@contextmanager
def _dask_workers(*resources: dict[str, float]) -> Iterator[Client]:
    """A Dask cluster of somebody else's, with one worker for each of `resources`."""
    quiet: dict[str, Any] = {"dashboard_address": None, "silence_logs": 50, "threads_per_worker": 1}
    with (
        LocalCluster(n_workers=1, resources=resources[0], host="127.0.0.1", **quiet) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        for more in resources[1:]:
            options = cluster.new_worker_spec()
            next(iter(options.values()))["options"]["resources"] = more
            cluster.worker_spec.update(options)
        cluster.sync(cluster._correct_state)
        client.wait_for_workers(len(resources), timeout=300)
        yield client


def _model_loads() -> int:
    """In a worker: how often a generator was loaded."""
    from models.generators.registry import load_generator

    return load_generator.cache_info().misses


def test_models_load_once_on_the_worker_with_a_gpu(render: Callable[..., str]) -> None:
    with _dask_workers({"GPU": 1}, {}) as client:
        assert client.scheduler is not None
        with dask.config.set({"scheduler-address": client.scheduler.address}):
            # A GPU in name alone: enhancement would run on it.
            out = render("gpu", "--runner", "dask", "--device", "cuda", enhance="")
        assert table(out, "metadata").num_rows == ROWS
        loads = client.run(_model_loads)
        resources = {
            address: worker["resources"] for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()
        }
    assert {address: bool(resources[address]) for address in loads} == {
        address: count == 1 for address, count in loads.items()
    }
    assert sorted(loads.values()) == [0, 1]
