"""A lock in an object store has one owner, whatever stalls, whatever the clocks say, whoever looks at it from where."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tasks.runfolder import lease as module
from tasks.runfolder.errors import BadInput, Stopped
from tasks.runfolder.lease import BEAT, STALE, SURE, Lease, beating
from tasks.runfolder.lock_object import Held
from tasks.runfolder.process_identity import this_process

URL = "s3://bucket/run/run.lock"


class Store:
    """An object store of one object, with a clock of its own, and whatever is to happen before its next writes."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.version = 0
        self.now = self.modified = 1e9
        self.before_write: list[Callable[[], None]] = []
        self.lose_answers = 0
        self.lock = threading.Lock()

    def read(self) -> Held | None:
        if self.content is None:
            return None
        return Held(json.loads(self.content), str(self.version), self.now - self.modified)

    def write(self, content: bytes, **condition: str) -> str | None:
        if self.before_write:
            self.before_write.pop(0)()
        with self.lock:
            holds = self.content is None if "IfNoneMatch" in condition else condition["IfMatch"] == str(self.version)
            if not holds or (self.content is None and "IfMatch" in condition):
                return None
            self.content, self.version, self.modified = content, self.version + 1, self.now
        if self.lose_answers:  # the client asks again, and is told what it would be told by then
            self.lose_answers -= 1
            return self.write(content, **condition)
        return str(self.version)

    def delete(self, etag: str) -> None:
        if etag == str(self.version):
            self.content = None

    def left_by(self, **owner: Any) -> None:
        """Puts the mark of another owner there."""
        self.content, self.version, self.modified = json.dumps(owner).encode(), self.version + 1, self.now


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(module, "LockObject", lambda url: made)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """This machine's clock for durations, to be put forward."""
    now = [100.0]
    monkeypatch.setattr(module, "clock", lambda: now[0])
    return now


def taken() -> Lease:
    lease = Lease(URL)
    lease.acquire()
    return lease


def elsewhere() -> dict[str, Any]:
    return {"host": "elsewhere", "boot": "b", "namespace": "n", "pid": 7, "started": "1", "token": "x"}


def test_refusal_names_the_holder_and_when_its_lock_ends(store: Store) -> None:
    store.left_by(**elsewhere())
    store.now += 20
    with pytest.raises(BadInput, match=r"bucket/run: another run .*process 7 on elsewhere.* 20 s ago.*expires in 70 s"):
        taken()


def test_given_back_it_is_free(store: Store) -> None:
    with beating(Lease(URL)), pytest.raises(BadInput, match="another run is writing here"):
        taken()
    assert store.content is None
    with beating(Lease(URL)) as lease:
        lease.check()


def test_of_two_takers_the_one_that_stalls_gets_nothing(store: Store) -> None:
    """As long as one likes: the write of who comes second has a condition that no longer holds."""
    store.left_by(**elsewhere())
    store.now += STALE + 1
    won: list[Lease] = []
    store.before_write = [lambda: None, lambda: won.append(taken())]  # its creation fails; then it stalls
    with pytest.raises(BadInput, match="another run"):
        taken()
    won[0].check()
    won[0].renew()


def test_owner_that_beats_while_it_is_taken_over_keeps_it(store: Store) -> None:
    owner = taken()
    store.now += STALE + 1
    store.before_write = [lambda: None, owner.renew]
    with pytest.raises(BadInput, match="another run"):
        taken()
    owner.renew()


def test_owner_that_was_cut_off_notices_before_its_next_commit(store: Store, clock: list[float]) -> None:
    owner = taken()
    store.now += STALE + 1
    clock[0] += STALE + 1
    taken()
    for _ in range(2):
        with pytest.raises(Stopped, match=rf"another run \(process {os.getpid()} on .*took this folder over"):
            owner.check()
    owner.release()
    assert store.content is not None, "it gives back what is another's"


def test_owner_whose_lock_was_taken_and_given_back_notices_too(store: Store, clock: list[float]) -> None:
    owner = taken()
    store.now += STALE + 1
    clock[0] += STALE + 1
    taken().release()
    with pytest.raises(Stopped, match="ended since"):
        owner.check()


def test_check_asks_the_store_when_the_last_beat_is_long_ago(store: Store, clock: list[float]) -> None:
    owner = taken()
    asked = store.version
    clock[0] += SURE - 1
    owner.check()
    assert store.version == asked
    clock[0] += 2
    owner.check()
    assert store.version == asked + 1


def test_clock_of_this_machine_does_not_matter(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock 100 s ahead took locks that were alive."""
    store.left_by(**elsewhere())
    store.now += BEAT
    for ahead in (-1e6, 100, 1e6):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: 1e9 + ahead)
        with pytest.raises(BadInput, match="another run"):
            taken()


@pytest.mark.parametrize("lost", [1, 2])
def test_lost_answers(store: Store, lost: int) -> None:
    """The store did as asked, the client asks again, and now the condition does not hold any more."""
    store.lose_answers = lost
    lease = taken()
    store.lose_answers = lost
    lease.renew()
    lease.check()


def test_killed_process_of_this_machine_is_known_to_be_dead(store: Store) -> None:
    store.left_by(**{**this_process(), "pid": 1 << 22, "token": "x"})  # above the highest pid there is
    taken()


def test_pid_that_is_another_process_by_now(store: Store) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        store.left_by(**{**this_process(), "pid": child.pid, "started": "1", "token": "x"})
        taken()
    finally:
        child.communicate()


@pytest.mark.parametrize("other", [{"namespace": "pid:[1]"}, {"boot": "other"}, {"host": "other"}, {"boot": None}])
def test_owner_in_another_container_is_not_looked_for_here(store: Store, other: dict[str, Any]) -> None:
    store.left_by(**{**this_process(), "pid": 1 << 22, "token": "x", **other})
    with pytest.raises(BadInput, match="another run"):
        taken()
    store.now += STALE + 1
    taken()


def test_other_thread_of_this_process_holds_it(store: Store) -> None:
    held = taken()
    with pytest.raises(BadInput, match="another run"):
        taken()
    held.release()


def test_earlier_run_of_this_process_that_could_not_give_it_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(etag: str) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(store, "delete", down)
        taken().release()
    assert store.content is not None
    taken()


@pytest.mark.parametrize("content", [b'{"pid": "../../etc"}', b"{}"])
def test_foreign_mark_is_left_alone_until_it_is_stale(store: Store, content: bytes) -> None:
    store.left_by()
    store.content = content
    with pytest.raises(BadInput, match="another run"):
        taken()
    store.now += STALE + 1
    taken()
