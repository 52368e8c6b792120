"""Gives out shards to one of several workers on a run folder (`--join`): claimed as it goes, until all are complete.

A worker begins at a place of its own and claims shards that nobody has, so that claims seldom collide. When none is
left it does what others have claimed: at once where they are gone, and where they have been at it for longer than it
takes this worker, so that nobody waits for a slow one. A shard that two do is committed by the first (`commit`).
"""

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from typing import Any, Generic

from flows.engine.summary import Summary
from flows.lanes.patience import Result, outlasting
from flows.lanes.pending import PendingShard, Shard
from flows.lanes.pipeline import Call, Setting, Stage
from tasks.runfolder.claims import Claims
from tasks.runfolder.commit import Outcome, is_complete, outcome_of_another
from tasks.runfolder.completed import read_outcomes, shard_names
from tasks.runfolder.storage import Storage, StorageError

POLL = 1.0  # seconds between two looks at what others have claimed
PATIENCE = 60.0  # seconds for which a claim is left alone by a worker that has not done a shard itself
LOOK = 5.0  # seconds between two looks whether another worker has completed a shard in hand


class Joiner(Generic[Shard]):
    """Gives out shards to this worker.

    Args:
        rounds: iterate over the shards that are given out together, each when those before are complete, whoever does
            them; called several times, so that they need not be kept in memory.
        finished: the names of those that `summary` counts already.
        patience: seconds for which a store that is away is waited for.
    """

    def __init__(
        self,
        rounds: Sequence[Callable[[], Iterator[Shard]]],
        out: Storage,
        claims: Claims,
        finished: set[str],
        summary: Summary,
        patience: float,
    ) -> None:
        self._store_patience = patience
        self._rounds = rounds
        self._out = out
        self._claims = claims
        self._counted = set(finished)
        self._complete = set(finished)
        self._unsound = self._outlasting(lambda: shard_names(out, "metadata")) - finished
        self._summary = summary
        self._left: dict[str, Shard] = {}
        self._begun: dict[str, float] = {}
        self._looked: dict[str, float] = {}
        self._took: deque[float] = deque(maxlen=101)

    def rounds(self) -> Iterator[Iterator[PendingShard[Shard]]]:
        """What to do now, and again when that is done, until all shards are complete."""
        for shards in self._rounds:
            yield self._unclaimed(shards)
            while self._left:
                yield self._claimed_by_others()
                if self._left:
                    time.sleep(POLL)
        self._outlasting(self._claims.sweep)
        names = (shard.name for shards in self._rounds for shard in shards())
        others = sorted(name for name in names if name not in self._counted)
        for outcome in self._outlasting(lambda: list(read_outcomes(self._out, others))):
            self._summary.add_earlier(outcome)

    def watched(self, call: Call) -> Call:
        """A stage's call that gives back the claim of a complete shard, and drops one that another completed."""

        def watch(stage: Stage, setting: Setting, shard: PendingShard[Any], state: Any) -> Any:
            if not isinstance(state, Outcome):
                state = self._done_by_another(shard.name, state is not None and stage.stored) or call(
                    stage, setting, shard, state
                )
                if isinstance(state, Outcome):
                    self._finish(shard.name, state)
            return state

        return watch

    def _unclaimed(self, shards: Callable[[], Iterator[Shard]]) -> Iterator[PendingShard[Shard]]:
        """The shards that nobody has claimed, from this worker's own place on."""
        total = sum(1 for _ in shards())
        start = self._claims.number % max(1, total)
        for shard in chain(islice(shards(), start, None), islice(shards(), start)):
            if shard.name in self._complete:
                continue
            if not self._take(shard.name):
                self._left[shard.name] = shard
            elif self._is_ours(shard.name):
                yield PendingShard(shard)
            else:  # so here begins what others have done since the last look
                self._complete |= self._outlasting(lambda: shard_names(self._out, "metadata")) - self._unsound

    def _claimed_by_others(self) -> Iterator[PendingShard[Shard]]:
        """Those of the shards left that are nobody's any more, or have been another's for too long; oldest first."""
        claims = {claim.shard: claim for claim in self._outlasting(self._claims.of_others) if claim.shard in self._left}
        for name in [name for name in self._left if name not in claims]:
            if self._take(name):
                yield from self._taken(name)
        for name, claim in claims.items():
            if (claim.dead or claim.age > self._patience()) and self._outlasting(
                partial(self._claims.take_over, claim)
            ):
                yield from self._taken(name)

    def _take(self, name: str) -> bool:
        return self._outlasting(partial(self._claims.take, name))

    def _taken(self, name: str) -> Iterator[PendingShard[Shard]]:
        shard = self._left.pop(name)
        if self._is_ours(name):
            yield PendingShard(shard)

    def _is_ours(self, name: str) -> bool:
        """Whether a shard that was just claimed is to be done; otherwise its claim is given back."""
        if self._outlasting(partial(is_complete, self._out, name)):
            self._claims.give_back(name)
            return False
        self._begun[name] = self._looked[name] = time.monotonic()
        return True

    def _patience(self) -> float:
        """How many seconds old the claim of a living worker must be."""
        return statistics.median(self._took) if self._took else PATIENCE

    def _done_by_another(self, name: str, at_once: bool) -> Outcome | None:
        """What another worker made of a shard in hand, if it has completed it. It looks seldom, or `at_once`."""
        if not at_once and time.monotonic() - self._looked[name] < LOOK:
            return None
        self._looked[name] = time.monotonic()
        with suppress(StorageError):  # it is only to spare work
            if is_complete(self._out, name):
                return outcome_of_another(self._out, name)
        return None

    def _outlasting(self, use: Callable[[], Result]) -> Result:
        return outlasting(use, self._store_patience)

    def _finish(self, name: str, outcome: Outcome) -> None:
        self._counted.add(name)
        self._claims.give_back(name)
        begun, _ = self._begun.pop(name), self._looked.pop(name)
        if not outcome.discarded:
            self._took.append(time.monotonic() - begun)
