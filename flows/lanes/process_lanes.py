"""Lanes on this machine, one process each: a GPU each, or shares of the processor."""

import contextlib
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Any

from flows.lanes.lane_process import LaneProcess
from flows.lanes.lanes import LaneEnded, Lanes, Shards
from flows.lanes.pipeline import Setting, Stage
from tasks.runfolder.commit import Outcome


class ProcessLanes(Lanes[LaneProcess, str]):
    """Takes shards through the stages that a run enables; the other arguments are those of `Lane`.

    Args:
        devices: of each lane.
    """

    def __init__(
        self, devices: Sequence[str], pipeline: Sequence[Stage], setting: Setting, in_turns: bool = False
    ) -> None:
        super().__init__(setting, in_turns)
        self._devices = devices
        self._work = (pipeline, setting, in_turns)
        self._open: set[LaneProcess] = set()
        self._lost: deque[tuple[LaneProcess, Shards, LaneEnded]] = deque()

    def places(self) -> Sequence[str]:
        return self._devices

    def open(self, place: str) -> LaneProcess:
        lane = LaneProcess(*self._work, place, len(self._devices))
        self._open.add(lane)
        return lane

    def send(self, lane: LaneProcess, shards: Shards) -> None:
        with contextlib.suppress(OSError):  # it is gone, as `receive` will tell
            lane.send(shards)

    def receive(self) -> tuple[LaneProcess, Shards, list[Outcome] | Exception]:
        while not self._lost:
            lanes = {lane.connection: lane for lane in self._open}
            lane = lanes[wait(lanes)[0]]  # type: ignore[index]
            try:
                number, result = lane.connection.recv()
            except (EOFError, OSError):
                self._lose(lane)
            else:
                return lane, lane.calls.pop(number, []), result
        return self._lost.popleft()

    def close(self, lane: LaneProcess) -> None:
        if lane in self._open:
            self._lose(lane)

    def _lose(self, lane: LaneProcess) -> None:
        self._open.remove(lane)
        lane.close()
        ended: Any = LaneEnded("the system's log says why (memory?)")
        self._lost += [(lane, shards, ended) for shards in lane.calls.values()] or [(lane, [], ended)]
