"""Injected memory errors: half as much at once, remembered."""

from collections.abc import Sequence

import pytest
import torch

from models.fixed_batches import BatchLimit
from tasks.loading.oom_batching import halving, in_batches


class Device:
    """Squares numbers, at most `fits` at a time."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.given: list[int] = []

    def run(self, items: Sequence[int]) -> list[int]:
        self.given.append(len(items))
        if len(items) > self.fits:
            raise torch.OutOfMemoryError
        return [item * item for item in items]


def test_what_fits_goes_in_batches_of_the_limit() -> None:
    device, limit = Device(fits=100), BatchLimit(4)
    assert in_batches(device.run, range(10), limit) == [i * i for i in range(10)]
    assert device.given == [4, 4, 2]


def test_out_of_memory_halves_the_batch_and_is_remembered() -> None:
    device, limit = Device(fits=3), BatchLimit(16)
    assert in_batches(device.run, range(9), limit) == [i * i for i in range(9)]
    assert device.given == [9, 8, 4, 2, 2, 2, 2, 1]
    device.given.clear()
    assert in_batches(device.run, range(4), limit) == [0, 1, 4, 9]
    assert (device.given, limit.size) == ([2, 2], 2)


def test_a_row_that_does_not_fit_alone_is_an_error() -> None:
    with pytest.raises(MemoryError, match="Not even one row fits"):
        in_batches(Device(fits=0).run, range(3), BatchLimit(8))


def test_another_error_is_not_taken_for_memory() -> None:
    limit = BatchLimit(8)
    with pytest.raises(ZeroDivisionError):
        halving(lambda: 1 // 0, limit)
    assert limit.size == 8


def test_a_failed_try_is_let_go_of_before_the_next() -> None:
    """What the failed try held must be free again, or the smaller one fails as well."""
    alive: list[object] = []

    class Held:
        def __init__(self) -> None:
            alive.append(None)

        def __del__(self) -> None:
            alive.pop()

    def run() -> int:
        assert not alive
        held = Held()
        if limit.size > 1:
            raise torch.OutOfMemoryError
        return id(held)

    limit = BatchLimit(4)
    halving(run, limit)
    assert limit.size == 1


def test_the_end_of_a_cpu_s_memory_is_one_too() -> None:
    limit = BatchLimit(64)
    assert halving(lambda: len(torch.empty(limit.size << 45, dtype=torch.uint8) if limit.size > 1 else "a"), limit) == 1
    assert limit.size == 1
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        halving(lambda: torch.zeros(2) @ torch.zeros(3), BatchLimit(4))


def test_no_items_need_no_call() -> None:
    assert in_batches(lambda items: pytest.fail("called"), [], BatchLimit(1)) == []
