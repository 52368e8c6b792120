"""Batches that halve when the device runs out of memory; the size that fits is kept for the rest of the run."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from models.device import is_out_of_memory
from models.fixed_batches import BatchLimit

Item = TypeVar("Item")
Result = TypeVar("Result")


def halving(function: Callable[[], Result], limit: BatchLimit) -> Result:
    """Calls `function` until it no longer runs out of memory, halving `limit` each time that it does.

    Args:
        function: takes at most `limit.size` rows at once, and reads it anew in every call.

    Raises:
        MemoryError: it runs out of memory with a limit of one.
    """
    while True:
        try:
            return function()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            limit.halve()
        # The next try is outside the handler: inside it, the error's frames would keep the failed try's tensors alive.


def in_batches(
    function: Callable[[list[Item]], Sequence[Result]], items: Sequence[Item], limit: BatchLimit
) -> list[Result]:
    """Calls `function` on at most `limit.size` items at a time and concatenates its results, one per item.

    Raises:
        MemoryError: a single item does not fit.
    """
    results: list[Result] = []

    def next_batch() -> Sequence[Result]:
        return function(list(items[len(results) : len(results) + limit.size]))

    while len(results) < len(items):
        results += halving(next_batch, limit)
    return results
