import threading

import pytest

from flows.lanes.lane_process import _portable
from tasks.runfolder.errors import BadInput, DeviceFault
from tasks.runfolder.storage import StorageError


class Strange(Exception):
    """Not made again of its message, nor, where a library has taught pickle to do without that, of its attributes."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")
        self.held = threading.Lock()


@pytest.mark.parametrize("error", [BadInput("a"), DeviceFault("b"), StorageError("c", passing=True), ValueError("d")])
def test_errors_come_back_as_themselves(error: Exception) -> None:
    assert _portable(error) is error


def test_an_error_that_cannot_travel_comes_back_as_what_it_says() -> None:
    assert str(_portable(Strange(1, 2))) == "Strange: 1 and 2"
