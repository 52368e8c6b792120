"""One bad row must not cost its neighbours: find the rows a batch fails on."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from models.sentence import one_line

Item = TypeVar("Item")


def isolate(function: Callable[[Sequence[Item]], Any], items: Sequence[Item]) -> list[tuple[Item, str]]:
    """Calls `function` on all items; where that fails, on halves, down to single items.

    Returns:
        The items it fails on even alone, with the error as one line.
    """
    try:
        if items:
            function(items)
    except (OSError, MemoryError):
        raise  # storage or device: not the row's fault
    except Exception as error:
        if len(items) == 1:
            line = one_line(error)
            return [(items[0], f"{type(error).__name__}: {line}" if line else type(error).__name__)]
        middle = len(items) // 2
        return isolate(function, items[:middle]) + isolate(function, items[middle:])
    return []
