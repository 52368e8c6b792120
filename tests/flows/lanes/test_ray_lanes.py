import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.jobs.render import RenderJob
from flows.lanes.lanes import MOST_ENDS
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage
from flows.lanes.ray_lanes import RayLanes
from tasks.prompts.shards import Shard
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import BadInput, Stopped
from tasks.runfolder.storage import StorageError
from tests.flows.lanes import ray_stages
from tests.ray_cluster import cluster_with_gpus

SHARDS = 24


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with cluster_with_gpus(2):
        yield


def pending_shards() -> Iterator[PendingShard[Shard]]:
    return (PendingShard(Shard(index, 0, 4)) for index in range(SHARDS))


def lanes(out: Path, *stages: Stage, in_turns: bool = False) -> RayLanes:
    job = RenderJob(prompts="a.parquet", out=str(out), window=3, device="cuda", runner="ray")
    return RayLanes([*stages, ray_stages.COUNT], SimpleNamespace(job=job), in_turns)


def run(out: Path, *stages: Stage, in_turns: bool = False) -> list[Outcome]:
    return list(lanes(out, *stages, in_turns=in_turns).run([pending_shards()]))


def carried(out: Path) -> dict[str, list[str]]:
    """The shards that each process carried to the end."""
    return {path.name: path.read_text().split() for path in out.glob("lane *")}


def test_one_gpu_cannot_be_picked_on_a_cluster() -> None:
    job = RenderJob(prompts="a.parquet", out="run", device="cuda:1", runner="ray")
    with pytest.raises(BadInput, match="give --device cuda, not cuda:1"):
        RayLanes([], SimpleNamespace(job=job))


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestOnTwoGPUs:
    def test_every_gpu_has_a_lane_with_a_window_of_shards(self, tmp_path: Path) -> None:
        outcomes = run(tmp_path, Stage("meet", ray_stages.meet))
        assert len(outcomes) == SHARDS
        assert max(outcome.pictures for outcome in outcomes) == 3
        assert sorted(chain(*carried(tmp_path).values())) == [f"{index:05d}" for index in range(SHARDS)]
        assert len(carried(tmp_path)) == 2

    def test_shards_are_fetched_only_as_lanes_have_room_for_them(self, tmp_path: Path) -> None:
        most = 0

        def pending() -> Iterator[PendingShard[Shard]]:
            nonlocal most
            for index in range(SHARDS):
                most = max(most, index - sum(len(shards) for shards in carried(tmp_path).values()))
                yield PendingShard(Shard(index, 0, 4))

        assert len(list(lanes(tmp_path).run([pending()]))) == SHARDS
        assert most <= 2 * 3

    @pytest.mark.parametrize("what", ["kill_once", "break_once"])
    def test_a_lane_that_ends_is_replaced_and_its_shards_done_again(
        self, tmp_path: Path, what: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert len(run(tmp_path, Stage(what, getattr(ray_stages, what)))) == SHARDS
        assert set(chain(*carried(tmp_path).values())) == {f"{index:05d}" for index in range(SHARDS)}
        assert capfd.readouterr() == ("", "")

    def test_a_shard_that_always_ends_its_lane_ends_the_run(self, tmp_path: Path) -> None:
        with pytest.raises(Stopped, match=rf"shard 0000\d: the process ended {MOST_ENDS} times"):
            run(tmp_path, Stage("kill", ray_stages.kill_always))

    def test_an_error_comes_as_itself_when_the_shards_in_flight_are_done(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError) as raised:
            run(tmp_path, Stage("fill", ray_stages.fill_disk))
        assert str(raised.value) == "run/images: the disk is full." and not raised.value.passing
        done = sum(len(shards) for shards in carried(tmp_path).values())
        assert 5 <= done < SHARDS

    def test_a_run_that_is_stopped_finishes_the_shards_in_flight_alone(self, tmp_path: Path) -> None:
        outcomes = lanes(tmp_path).run([pending_shards()])
        next(outcomes)
        outcomes.close()
        done = sum(map(len, carried(tmp_path).values()))
        time.sleep(1)
        assert 1 < done == sum(map(len, carried(tmp_path).values())) <= 1 + 2 * 3

    def test_models_that_take_turns_get_a_window_of_shards_a_call(self, tmp_path: Path) -> None:
        assert len(run(tmp_path, in_turns=True)) == SHARDS
