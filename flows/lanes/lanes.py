"""Lanes in other processes: shards are given out as there is room for them, and only outcomes come back.

A lane whose process dies or whose device fails is replaced, and its shards are done again: no row is lost by it.
"""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Generic, TypeVar

from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Setting
from tasks.runfolder.commit import Outcome
from tasks.runfolder.errors import DeviceFault, Stopped

MOST_ENDS = 5
"""Of lanes that have the same shard in hand: machines go now and then, but not over one shard."""
START = "start"  # what a lane is counted under that ends before it has a shard

Shards = list[PendingShard[Any]]
Key = TypeVar("Key")
Place = TypeVar("Place")


class LaneEnded(Exception):
    """A lane's process is gone; the message says what to look at."""


class Lanes(ABC, Generic[Key, Place]):
    """Gives shards to lanes.

    Args:
        in_turns: the models don't fit a device's memory together; a lane then gets a window of shards at a time.
    """

    def __init__(self, setting: Setting, in_turns: bool) -> None:
        window = setting.job.window
        self.group, self.at_once = (window, 2) if in_turns else (1, window)
        """Shards a call, and calls that a lane has room for."""
        self._places: dict[Key, Place] = {}
        self._ready: set[Key] = set()
        self._in_hand: Counter[Key] = Counter()
        self._again: deque[Shards] = deque()  # shards of lanes that ended
        self._ends = Counter[str]()

    @abstractmethod
    def places(self) -> Sequence[Place]:
        """Where lanes are to be, one each."""

    @abstractmethod
    def open(self, place: Place) -> Key:
        """Starts a lane. It need not be ready."""

    @abstractmethod
    def send(self, lane: Key, shards: Shards) -> None:
        """Gives a lane shards to do, as one call."""

    @abstractmethod
    def receive(self) -> tuple[Key, Shards, list[Outcome] | Exception]:
        """Waits until a lane is ready (no shards), or a call has ended: with outcomes, or with what it raised.

        All calls of a lane whose process is gone end with `LaneEnded`.
        """

    @abstractmethod
    def close(self, lane: Key) -> None:
        """Ends a lane's process; what it has in hand is dropped."""

    def run(self, rounds: Iterable[Iterator[PendingShard[Any]]]) -> Generator[Outcome]:
        """The outcome of each shard, as they complete; shards of a round when those of the rounds before are done.

        Raises:
            Stopped: lanes end time and again over the same shard.
            Exception: whatever a stage raises; the shards in flight are waited for first.
        """
        try:
            for pending in rounds:
                yield from self._run(pending)
        except (Exception, GeneratorExit):
            while self._in_hand.total():
                lane, carried, _ = self.receive()
                self._in_hand[lane] -= bool(carried)
            raise
        finally:
            for lane in self._places:
                self.close(lane)

    def _run(self, pending: Iterator[PendingShard[Any]]) -> Iterator[Outcome]:
        shards = self._next(pending)
        if shards and not self._places:  # not for nothing
            for place in self.places():
                self._start(place)
        while shards or self._in_hand.total():
            while shards and (lane := self._idlest()) is not None:
                self.send(lane, shards)
                self._in_hand[lane] += 1
                shards = self._next(pending)
            yield from self._received()
            shards = shards or self._next(pending)

    def _next(self, pending: Iterator[PendingShard[Any]]) -> Shards:
        """The shards of the next call; none if all are given out."""
        return self._again.popleft() if self._again else list(islice(pending, self.group))

    def _idlest(self) -> Key | None:
        """The lane with the least in hand, if it has room for more."""
        lane = min(self._ready, key=lambda lane: self._in_hand[lane], default=None)
        return lane if lane is not None and self._in_hand[lane] < self.at_once else None

    def _start(self, place: Place) -> None:
        self._places[self.open(place)] = place

    def _received(self) -> list[Outcome]:
        """Waits for a lane. One that ended is replaced, and its shards wait to be given out again."""
        lane, shards, result = self.receive()
        names = [shard.name for shard in shards] or [START]
        self._in_hand[lane] -= bool(shards)
        if isinstance(result, LaneEnded | DeviceFault):
            self._ends.update(names)
            if self._ends[names[0]] == MOST_ENDS:
                what = f"shard {', '.join(names)}: the process" if shards else "a lane's process"
                raise (
                    result if isinstance(result, DeviceFault) else Stopped(f"{what} ended {MOST_ENDS} times; {result}.")
                )
            if shards:
                self._again.append([replace(shard, again=True) for shard in shards])
            if lane in self._places:
                self._ready.discard(lane)
                self.close(lane)
                self._start(self._places.pop(lane))
            return []
        if isinstance(result, Exception):
            raise result
        for name in names:
            del self._ends[name]
        if lane in self._places:
            self._ready.add(lane)
        return result
