"""Find the rows that a batch fails on, so that one bad row does not take its neighbours with it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from models.device import is_broken
from models.messages import one_line

Item = TypeVar("Item")


def isolate(
    function: Callable[[Sequence[Item]], Any], items: Sequence[Item], fatal: tuple[type[Exception], ...] = ()
) -> list[tuple[Item, str]]:
    """Calls `function` on all items; where that fails, on each half, down to single items.

    Args:
        fatal: errors to raise, as no row causes them; those of storage, memory and a broken device always are.

    Returns:
        The items that fail on their own, each with its error on one line.
    """
    try:
        if items:
            function(items)
    except Exception as error:
        if isinstance(error, (OSError, MemoryError, *fatal)) or is_broken(error):
            raise  # not the item's fault
        if len(items) == 1:
            line = one_line(error)
            return [(items[0], f"{type(error).__name__}: {line}" if line else type(error).__name__)]
        middle = len(items) // 2
        return isolate(function, items[:middle], fatal) + isolate(function, items[middle:], fatal)
    return []
