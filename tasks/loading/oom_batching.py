"""Out of memory is no failure: take half as much at once, remember what fits, go on."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from models.device import is_out_of_memory
from models.fixed_batches import BatchLimit

Item = TypeVar("Item")
Result = TypeVar("Result")


def halving(function: Callable[[], Result], limit: BatchLimit) -> Result:
    """Calls `function`, which heeds `limit`, until it no longer runs out of the device's memory.

    Raises:
        MemoryError: it does so at a limit of one.
    """
    while True:
        try:
            return function()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            limit.halve()
        # The next try is outside of the handler: an error at hand keeps its frames, and they the failed try's tensors.


def in_batches(
    function: Callable[[list[Item]], Sequence[Result]], items: Sequence[Item], limit: BatchLimit
) -> list[Result]:
    """Calls `function` on at most `limit.size` items at a time and joins what it returns, one result an item.

    Raises:
        MemoryError: a single item does not fit.
    """
    done: list[Result] = []

    def next_batch() -> Sequence[Result]:
        return function(list(items[len(done) : len(done) + limit.size]))

    while len(done) < len(items):
        done += halving(next_batch, limit)
    return done
