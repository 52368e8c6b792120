"""A training in a process of its own, killed as soon as it can be carried on."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.forked import FORKED


def train_until_killed(train: Callable[..., object], *arguments: object, state: Path) -> None:
    """Calls `train` with arguments, and kills it at once when `state` is there."""
    process = FORKED.Process(target=train, args=arguments, daemon=True)
    process.start()
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline and process.is_alive():
        time.sleep(0.01)
    process.kill()
    process.join()
    assert state.exists()
