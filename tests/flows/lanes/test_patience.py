import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flows.lanes import patience
from flows.lanes.patience import begin, give_up, listening, outlasting, retries, told
from tasks.runfolder.storage import StorageError

GONE = StorageError("s3://b/run: the object store failed (x); run the same command again to carry on.", passing=True)


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    monkeypatch.setattr(patience, "_ended", clock)
    monkeypatch.setattr(logging.getLogger("imagemill"), "propagate", True)  # to caplog
    return clock


class Store:
    """Fails until a time."""

    def __init__(self, clock: Clock, until: float, error: StorageError = GONE) -> None:
        self.clock, self.until, self.error, self.tries = clock, until, error, 0

    def __call__(self) -> str:
        self.tries += 1
        if self.clock.now < self.until:
            raise self.error
        return "done"


def test_an_outage_is_waited_out_with_longer_and_longer_pauses_and_told(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    before = retries()
    with listening(heard.append):
        assert outlasting(Store(clock, clock.now + 1500), 1800) == "done"
    assert clock.pauses[:5] == [1, 5, 20, 60, 60]
    assert retries() - before == len(clock.pauses)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "waiting for the store, 0 s of at most 30 min: s3://b/run: the object store failed (x)"
    assert lines[-1] == "the store answers again, after 25 min"
    assert 4 <= len(lines) <= 8, "a line now and then"
    assert heard[0].startswith("waiting for the store: s3://b/run") and heard[-1] == ""


def test_a_longer_one_is_not(clock: Clock) -> None:
    store = Store(clock, clock.now + 100)
    with pytest.raises(StorageError, match="failed"):
        outlasting(store, 90)
    assert sum(clock.pauses) == 90, "the last try is made when the patience ends"


@pytest.mark.parametrize(("error", "seconds"), [(GONE, 0), (StorageError("the disk is full"), 1800)])
def test_what_does_not_pass_and_no_patience_are_told_at_once(clock: Clock, error: StorageError, seconds: float) -> None:
    store = Store(clock, clock.now + 1, error)
    with pytest.raises(StorageError):
        outlasting(store, seconds)
    assert store.tries == 1


def test_a_process_that_ends_waits_no_more() -> None:
    begin()
    failing = threading.Event()

    def use() -> None:
        failing.set()
        raise GONE

    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(outlasting, use, 600)
            assert failing.wait(10)
            give_up()
            with pytest.raises(StorageError):
                waiting.result(10)
    finally:
        begin()


@pytest.mark.parametrize(("seconds", "expected"), [(45.2, "45 s"), (1800, "30 min"), (12_600, "3.5 h")])
def test_durations_are_told_as_people_do(seconds: float, expected: str) -> None:
    assert told(seconds) == expected
