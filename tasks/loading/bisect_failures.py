"""One bad row must not cost its neighbours: find the rows a batch fails on."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from models.messages import one_line

Item = TypeVar("Item")


def isolate(
    function: Callable[[Sequence[Item]], Any], items: Sequence[Item], fatal: tuple[type[Exception], ...] = ()
) -> list[tuple[Item, str]]:
    """Calls `function` on all items; where that fails, on halves, down to single items.

    Args:
        fatal: errors that no row is to blame for, beside those of storage and memory; they are raised.

    Returns:
        The items it fails on even alone, with the error as one line.
    """
    try:
        if items:
            function(items)
    except Exception as error:
        if isinstance(error, (OSError, MemoryError, *fatal)):
            raise  # not the row's fault
        if len(items) == 1:
            line = one_line(error)
            return [(items[0], f"{type(error).__name__}: {line}" if line else type(error).__name__)]
        middle = len(items) // 2
        return isolate(function, items[:middle], fatal) + isolate(function, items[middle:], fatal)
    return []
