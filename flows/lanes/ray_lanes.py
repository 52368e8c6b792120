"""Lanes on a Ray cluster, an actor each: one for every GPU, or for every machine where there are none.

Not Ray Data: it fetched 12,000 shards ahead while lanes had done 100, and reads a source again to restore what a dead
node held, which an iterator cannot offer. It also keeps constructor arguments, here the key for pseudonyms, in a store
that may spill to disk; the arguments of an actor's call, small as they are, go from process to process.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from flows.lanes.allocator import keep_freed
from flows.lanes.lane import Lane
from flows.lanes.lanes import LaneEnded, Lanes, Shards
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Setting, Stage, call
from flows.lanes.ray_cluster import connected, places
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import BadInput


class RemoteLane:
    """The lane of an actor's process."""

    def open(self, pipeline: Sequence[Stage], setting: Setting, in_turns: bool) -> list[Outcome]:
        keep_freed()
        self._lane = Lane(pipeline, setting, call, in_turns)
        return []

    def carry(self, shards: Shards) -> list[Outcome]:
        return list(self._lane.run(iter(shards)))


class RayLanes(Lanes[Any, Mapping[str, Any]]):
    """Takes shards through the stages that a run enables; the arguments are those of `Lane`.

    Raises:
        BadInput: the job names one GPU, but Ray chooses among them.
    """

    def __init__(self, pipeline: Sequence[Stage], setting: Setting, in_turns: bool = False) -> None:
        super().__init__(setting, in_turns)
        self._job = setting.job
        if ":" in self._job.device:
            raise BadInput(f"--runner ray chooses among the GPUs itself; give --device cuda, not {self._job.device}.")
        self._work = (pipeline, setting, in_turns)
        self._cluster = ExitStack()
        self._calls: dict[Any, tuple[Any, Shards]] = {}  # the lane and the shards of each; none while it opens

    def run(self, rounds: Iterable[Iterator[PendingShard[Any]]]) -> Generator[Outcome]:
        """As `Lanes.run`.

        Raises:
            BadInput: Ray is not installed, its cluster cannot be reached or started, or has no GPU for a job with one.
            Stopped: lanes end time and again over the same shard.
            Exception: whatever a stage raises; the shards in flight are waited for first.
        """
        with self._cluster:
            yield from super().run(rounds)

    def places(self) -> Sequence[Mapping[str, Any]]:
        self._cluster.enter_context(connected())
        import ray

        return places(ray.nodes(), self._job.device == "cuda")[: self._job.lanes]

    def open(self, place: Mapping[str, Any]) -> Any:
        import ray

        lane: Any = ray.remote(RemoteLane).options(max_concurrency=self.at_once, **place).remote()
        self._calls[lane.open.remote(*self._work)] = (lane, [])
        return lane

    def send(self, lane: Any, shards: Shards) -> None:
        self._calls[lane.carry.remote(shards)] = (lane, shards)

    def receive(self) -> tuple[Any, Shards, list[Outcome] | Exception]:
        import ray

        (ref, *_), _ = ray.wait(list(self._calls))
        lane, shards = self._calls.pop(ref)
        try:
            return lane, shards, ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            return lane, shards, error.cause  # the error itself; Ray's own has the traceback for its message
        except ray.exceptions.RayActorError:
            return lane, shards, LaneEnded("Ray's logs say why")

    def close(self, lane: Any) -> None:
        import ray

        ray.kill(lane)
