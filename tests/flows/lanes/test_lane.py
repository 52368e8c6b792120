import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from flows.jobs.render import RenderJob
from flows.lanes.lane import Lane
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage, call
from tasks.prompts.shards import Shard
from tasks.runfolder.errors import DeviceFault
from tasks.runfolder.shard_state import ShardState
from tasks.runfolder.storage import StorageError

Step = tuple[str, str]


def setting(window: int = 3) -> Any:
    return SimpleNamespace(job=RenderJob(prompts="a.parquet", out="run", window=window))


def shards(count: int) -> list[PendingShard[Shard]]:
    return [PendingShard(Shard(index, 0, 4)) for index in range(count)]


class Notes:
    """Stages that note when they begin and end."""

    def __init__(self) -> None:
        self.begun: list[Step] = []
        self.ended: list[Step] = []
        self.most = 0
        self._lock = threading.Lock()

    def stage(self, name: str, inner: Callable[[str], None] = lambda shard: None, **options: Any) -> Stage:
        def run(setting: Any, shard: PendingShard[Any], state: Any) -> list[str]:
            """Notes."""
            with self._lock:
                self.begun.append((name, shard.name))
                self.most = max(self.most, len(self.begun) - len(self.ended))
            inner(shard.name)
            with self._lock:
                self.ended.append((name, shard.name))
            return [*(state or []), name]

        return Stage(name, run, **options)


def test_every_shard_goes_through_all_stages_in_order() -> None:
    notes = Notes()
    stages = [notes.stage("read"), notes.stage("generate"), notes.stage("skipped", when=lambda s: False)]
    outcomes = list(Lane([*stages, notes.stage("write")], setting(), call).run(iter(shards(7))))
    assert outcomes == [["read", "generate", "write"]] * 7
    assert {shard for _, shard in notes.ended} == {f"{index:05d}" for index in range(7)}


def test_a_window_of_shards_is_on_its_way_and_no_more() -> None:
    notes, together = Notes(), threading.Barrier(3, timeout=30)
    stage = notes.stage("generate", lambda shard: together.wait() and None)
    assert len(list(Lane([stage], setting(3), call).run(iter(shards(9))))) == 9  # each waits for two others
    assert notes.most == 3


def test_shards_are_fetched_only_as_there_is_room_for_them() -> None:
    fetched: list[str] = []

    def pending() -> Any:
        for shard in shards(9):
            fetched.append(shard.name)
            yield shard

    run = Lane([Notes().stage("read")], setting(2), call).run(pending())
    next(run)
    assert len(fetched) <= 3
    run.close()


def test_models_that_do_not_fit_together_take_turns_over_a_window() -> None:
    notes = Notes()
    stages = [
        notes.stage("read"),
        notes.stage("encode", holds="encoder"),
        notes.stage("generate", lambda shard: time.sleep(0.01), holds="generator"),
        notes.stage("write"),
    ]
    assert len(list(Lane(stages, setting(2), call, in_turns=True).run(iter(shards(5))))) == 5
    held = [name for name, _ in notes.begun if name in {"encode", "generate"}]
    assert held == ["encode", "encode", "generate", "generate"] * 2 + ["encode", "generate"]


def test_runs_on_one_lane_take_turns_too() -> None:
    notes = Notes()
    stages = [
        notes.stage("encode", holds="encoder"),
        notes.stage("generate", lambda shard: time.sleep(0.01), holds="generator"),
    ]
    lane = Lane(stages, setting(2), call, in_turns=True)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda shards: list(lane.run(iter(shards))), [shards(4)[:2], shards(4)[2:]]))
    assert [name for name, _ in notes.begun] == ["encode", "encode", "generate", "generate"] * 2


def test_a_failed_shard_leaves_its_turns_to_others() -> None:
    def fail(shard: str) -> None:
        if shard == "00000":
            raise ValueError("no")

    notes = Notes()
    stages = [notes.stage("encode", fail, holds="encoder"), notes.stage("generate", holds="generator")]
    with pytest.raises(ValueError, match="no"):
        list(Lane(stages, setting(2), call, in_turns=True).run(iter(shards(2))))
    assert ("generate", "00001") in notes.ended


def test_shards_in_flight_are_finished_when_one_fails() -> None:
    def fail(shard: str) -> None:
        if shard == "00000":
            raise ValueError("no")
        time.sleep(0.2)

    notes = Notes()
    lane = Lane([notes.stage("read", fail), notes.stage("write")], setting(2), call)
    with pytest.raises(ValueError, match="no"):
        list(lane.run(iter(shards(9))))
    assert ("write", "00001") in notes.ended
    assert len(notes.begun) < 9


def test_a_broken_device_ends_the_lane_with_a_sentence() -> None:
    def fail(shard: str) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered\nCompile with TORCH_USE_CUDA_DSA")

    with pytest.raises(
        DeviceFault, match=r"failed in shard 00000, which is not done: CUDA error: .* run the same command"
    ):
        list(Lane([Notes().stage("generate", fail)], setting(1), call).run(iter(shards(3))))


def test_shards_in_flight_are_dropped_at_their_next_stage_when_the_run_is_closed() -> None:
    notes, begun, closed = Notes(), threading.Event(), threading.Event()

    def read(shard: str) -> None:
        if shard != "00000":
            begun.set()
            closed.wait(30)

    run = Lane([notes.stage("read", read), notes.stage("write")], setting(2), call).run(iter(shards(9)))
    next(run)
    begun.wait(30)
    threading.Timer(0.2, closed.set).start()
    run.close()
    assert [step for step in notes.ended if step[0] == "write"] == [("write", "00000")]


class Parts(ShardState[Any, Any]):
    """A shard in three parts."""

    more = property(lambda self: self.parts < 3)  # type: ignore[assignment]


@pytest.mark.parametrize("in_turns", [False, True])
def test_a_shard_in_parts_goes_back_until_there_are_no_more(in_turns: bool) -> None:
    begun: list[Step] = []

    def noted(name: str, **options: Any) -> Stage:
        def run(setting: Any, shard: PendingShard[Any], state: Any) -> Any:
            """Notes."""
            state = state or Parts(shard.shard, [], [])
            state.parts += name == "generate"
            begun.append((name, shard.name))
            return "outcome" if name == "write" and not state.more else state

        return Stage(name, run, **options)

    stages = [
        noted("encode", holds="encoder"),
        noted("generate", holds="generator", in_parts=True),
        noted("write", in_parts=True),
    ]
    assert list(Lane(stages, setting(1), call, in_turns).run(iter(shards(2)))) == ["outcome"] * 2
    for name in ("00000", "00001"):
        steps = [step for step, shard in begun if shard == name]
        assert steps == ["encode", *["generate", "write"] * 3]
    if in_turns:  # the second is encoded once the first is generated to its last part
        assert begun.index(("encode", "00001")) > max(i for i, s in enumerate(begun) if s == ("generate", "00000"))


def test_a_lane_that_is_closed_does_not_wait_for_a_store() -> None:
    away = threading.Event()

    def fail(shard: str) -> None:
        if shard != "00000":
            away.set()
            raise StorageError("s3://b: the store is away.", passing=True)

    run = Lane([Notes().stage("read", fail, stored=True)], setting(2), call).run(iter(shards(4)))
    next(run)
    assert away.wait(30)
    begun = time.monotonic()
    run.close()
    assert time.monotonic() - begun < 10
