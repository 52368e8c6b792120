"""Fixed-shape batches: matrix kernels depend on shapes, so a row's result stays the same only if the shapes do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass
class BatchLimit:
    """How much a network gets in one forward pass (rows or tokens); halved for good when memory runs out."""

    size: int

    def halve(self) -> None:
        """Half as much from now on. Raises MemoryError if not even one fits."""
        if self.size == 1:
            raise MemoryError("Not even one row fits into the device's memory; take a smaller model or picture.")
        self.size //= 2


def chunks(items: Sequence[T], rows: int) -> Iterator[list[T]]:
    """The items in batches of exactly `rows`, the last one filled up with copies of its first item."""
    for start in range(0, len(items), rows):
        chunk = list(items[start : start + rows])
        yield chunk + chunk[:1] * (rows - len(chunk))
