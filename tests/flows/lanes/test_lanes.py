"""Which lane gets which shards, and what becomes of those of a lane that ends."""

from collections import deque
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from flows.jobs.render import RenderJob
from flows.lanes.lanes import MOST_ENDS, LaneEnded, Lanes, Shards
from flows.lanes.pending import PendingShard
from tasks.prompts.shards import Shard
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import DeviceFault, Stopped


def setting(window: int = 2) -> Any:
    return SimpleNamespace(job=RenderJob(prompts="a.parquet", out="run", window=window))


def shards(count: int) -> Any:
    return (PendingShard(Shard(index, 0, 4)) for index in range(count))


class FakeLanes(Lanes[int, str]):
    """Lanes that do the oldest call first; `ends` are the numbers of the calls over which their lane ends."""

    def __init__(self, window: int = 2, in_turns: bool = False, ends: Sequence[int] = (), error: Any = None) -> None:
        super().__init__(setting(window), in_turns)
        self.events: deque[tuple[int, Shards, Any]] = deque()
        self.given: list[tuple[int, list[str]]] = []
        self.opened: list[str] = []
        self.closed: list[int] = []
        self._ending, self._error = ends, error or LaneEnded("look")

    def places(self) -> Sequence[str]:
        return ["here", "there"]

    def open(self, place: str) -> int:
        self.opened.append(place)
        self.events.append((len(self.opened), [], []))
        return len(self.opened)

    def send(self, lane: int, shards: Shards) -> None:
        self.given.append((lane, [shard.name for shard in shards]))
        ends = len(self.given) in self._ending
        self.events.append((lane, shards, self._error if ends else [Outcome(4, 4, 0, {})] * len(shards)))

    def receive(self) -> tuple[int, Shards, Any]:
        return self.events.popleft()

    def close(self, lane: int) -> None:
        self.closed.append(lane)


def test_every_shard_is_given_to_the_lane_with_the_least_in_hand() -> None:
    lanes = FakeLanes()
    assert len(list(lanes.run([shards(9)]))) == 9
    assert sorted(name for _, names in lanes.given for name in names) == [f"{index:05d}" for index in range(9)]
    assert {lane for lane, _ in lanes.given} == {1, 2}
    assert sorted(lanes.closed) == [1, 2]


def test_models_in_turns_get_a_window_of_shards_a_call() -> None:
    lanes = FakeLanes(window=3, in_turns=True)
    assert len(list(lanes.run([shards(7)]))) == 7
    assert [len(names) for _, names in lanes.given] == [3, 3, 1]


@pytest.mark.parametrize("error", [LaneEnded("look"), DeviceFault("broken")])
def test_a_lane_that_ends_is_replaced_where_it_was_and_its_shards_are_done_again(error: Exception) -> None:
    lanes = FakeLanes(ends=[3], error=error)
    assert len(list(lanes.run([shards(6)]))) == 6
    assert len(lanes.opened) == 3
    assert len(lanes.given) == 7
    assert len({name for _, names in lanes.given for name in names}) == 6


def test_lanes_that_end_over_one_shard_again_and_again_end_the_run() -> None:
    lanes = FakeLanes(window=1, ends=range(1, 99))
    with pytest.raises(Stopped, match=rf"shard 0000\d: the process ended {MOST_ENDS} times; look"):
        list(lanes.run([shards(2)]))


def test_an_error_of_a_stage_is_raised_once_the_shards_in_flight_are_done() -> None:
    lanes = FakeLanes(ends=[2], error=ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        list(lanes.run([shards(9)]))
    assert not lanes.events
    assert sorted(lanes.closed) == [1, 2]


def test_nothing_is_started_for_nothing() -> None:
    lanes = FakeLanes()
    assert list(lanes.run([shards(0)])) == []
    assert not lanes.opened


def test_a_round_begins_when_those_before_are_done_on_the_same_lanes() -> None:
    lanes, order = FakeLanes(), list[str]()

    def round_of(name: str, count: int) -> Any:
        for shard in shards(count):
            order.append(f"{name} given out")
            yield shard

    for _ in lanes.run([round_of("first", 3), shards(0), round_of("second", 2)]):
        order.append("done")
    assert order.index("second given out") == 6 and order[:6].count("done") == 3
    assert len(lanes.opened) == 2 and sorted(lanes.closed) == [1, 2]
