"""Guidance of each row's own, where diffusers' pipelines know one number for a batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn


class RowGuidance(float):
    """A number for each row of a batch, where a pipeline expects one for all: `guidance * (text - other)`.

    To comparisons it is the greatest of them. Products are rounded once, as with a plain number.
    """

    rows: Tensor

    def __new__(cls, rows: Sequence[float]) -> Self:
        made = super().__new__(cls, max(rows))
        made.rows = torch.tensor(rows)
        return made

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, Tensor) or not other.ndim:
            return float(self) * other
        rows = self.rows.to(other.device).view(-1, *[1] * (other.ndim - 1))
        return (rows * other.float()).to(other.dtype)

    __rmul__ = __mul__


@contextmanager
def input_of_each(network: nn.Module, scales: Sequence[float]) -> Iterator[None]:
    """Within it, a network that takes guidance as an input gets each row's, times what its pipeline gives it."""
    rows = torch.tensor(scales)

    def multiply(network: nn.Module, positional: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return positional, {**named, "guidance": named["guidance"] * rows.to(named["guidance"])}

    hook = network.register_forward_pre_hook(multiply, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
