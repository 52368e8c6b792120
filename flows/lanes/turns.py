"""Models that don't fit the device's memory together take turns: each is used by a group of shards, then the next."""

import threading
from collections.abc import Sequence


class Turn:
    """One model's time with a group of shards; it begins once that of `before` has ended."""

    def __init__(self, shards: int, before: "Turn | None") -> None:
        self._before = before
        self._left = shards
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def wait(self) -> None:
        """Until it begins."""
        if self._before is not None:
            self._before._ended.wait()
            self._before = None  # or all turns of a run would hang together in memory

    def leave(self) -> None:
        """One shard is done with the model. Each leaves every turn once, also if it failed."""
        with self._lock:
            self._left -= 1
            if not self._left:
                self._ended.set()


class Turns:
    """Gives each group of shards its turns, one a model, in the order in which stages hold them."""

    def __init__(self, models: Sequence[str]) -> None:
        self._models = models
        self._last: Turn | None = None
        self._lock = threading.Lock()

    def of_group(self, shards: int) -> dict[str, Turn]:
        turns = {}
        with self._lock:
            for model in self._models:
                turns[model] = self._last = Turn(shards, self._last)
        return turns
