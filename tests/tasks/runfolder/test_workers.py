"""Which runs may work side by side, and what becomes of the marks and claims of those that died or were stopped."""

import json
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tasks.runfolder import lease
from tasks.runfolder.claims import Claims, claiming
from tasks.runfolder.errors import BadInput, Busy, Stopped
from tasks.runfolder.lock import JOINED, WHOLE, Role, part, working
from tasks.runfolder.process_identity import this_process
from tasks.runfolder.storage import Storage
from tasks.runfolder.workers import Worker

ELSEWHERE = {"host": "elsewhere", "boot": "b", "namespace": "n", "pid": 7, "started": "1", "token": "x"}
DEAD = {**this_process(), "pid": 1 << 22, "token": "x"}  # above the highest pid there is


@pytest.fixture
def out(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "run"))


def left(out: Storage, path: str, owner: dict[str, Any], age: float = 0) -> Path:
    """Puts there what another worker would have left so many seconds ago."""
    out.write(path, json.dumps(owner).encode())
    file = Path(out.url(path))
    os.utime(file, (time.time() - age,) * 2)
    return file


@pytest.mark.parametrize(
    ("first", "second", "fit"),
    [
        (WHOLE, WHOLE, False),
        (WHOLE, JOINED, False),
        (JOINED, WHOLE, False),
        (JOINED, JOINED, True),
        (JOINED, part(1, 2), False),
        (part(1, 2), JOINED, False),
        (part(1, 2), WHOLE, False),
        (part(1, 2), part(2, 2), True),
        (part(1, 2), part(1, 2), False),
        (part(1, 2), part(2, 3), False),
    ],
)
def test_who_works_beside_whom(first: Role, second: Role, fit: bool, out: Storage) -> None:
    with ExitStack() as stack:
        stack.enter_context(working(out, first))
        if fit:
            stack.enter_context(working(out, second))
            return
        for _ in range(2):
            with pytest.raises(Busy, match=f"process {os.getpid()} on ") as refusal:
                stack.enter_context(working(out, second))
            assert isinstance(refusal.value, BadInput)
    with working(out, second):
        pass
    assert not Path(out.url("workers")).exists()


@pytest.mark.parametrize(("owner", "age", "fit"), [(ELSEWHERE, 80, False), (ELSEWHERE, 100, True), (DEAD, 0, True)])
def test_a_dead_worker_leaves_room_for_a_whole_run(owner: dict[str, Any], age: float, fit: bool, out: Storage) -> None:
    mark = left(out, "workers/join.x", owner, age)
    if fit:
        with working(out, WHOLE):
            assert not mark.exists()
    else:
        with pytest.raises(Busy, match="process 7 on elsewhere"), working(out, WHOLE):
            pass


def test_clock_of_this_machine_does_not_matter(out: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    left(out, "workers/join.x", ELSEWHERE)
    for ahead in (-1e6, 1e6):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: 1e9 + ahead)
        with pytest.raises(Busy), working(out, WHOLE):
            pass


def test_a_worker_whose_mark_was_deleted_makes_it_again(out: Storage) -> None:
    with working(out, JOINED) as worker:
        Path(out.url(f"workers/{worker.token}")).unlink()
        worker.renew()
        assert out.exists(f"workers/{worker.token}")


def test_a_worker_whose_folder_was_taken_meanwhile_stops(out: Storage) -> None:
    with working(out, JOINED) as worker:
        Path(out.url(f"workers/{worker.token}")).unlink()
        with working(out, WHOLE):
            for _ in range(2):
                with pytest.raises(Stopped, match="another run is writing here"):
                    worker.renew()
            assert not out.exists(f"workers/{worker.token}")


def joined(out: Storage, stack: ExitStack) -> Claims:
    return stack.enter_context(claiming(out, stack.enter_context(working(out, JOINED))))


def test_a_shard_is_claimed_by_one_and_given_back(out: Storage) -> None:
    with ExitStack() as stack:
        one, other = joined(out, stack), joined(out, stack)
        assert one.take("00000") and not other.take("00000")
        (claim,) = other.of_others()
        assert (claim.shard, claim.dead) == ("00000", False)
        assert one.of_others() == []
        one.give_back("00000")
        assert other.take("00000")
    assert not Path(out.url("claims")).exists()


def test_a_claim_taken_over_is_no_longer_given_back(out: Storage) -> None:
    with ExitStack() as stack:
        one, other, third = (joined(out, stack) for _ in range(3))
        one.take("00000")
        (claim,) = other.of_others()
        (same,) = third.of_others()
        assert other.take_over(claim) and not third.take_over(same), "two repeat it"
        one.give_back("00000")
        assert out.exists("claims/00000")


def test_claims_of_the_dead_are_theirs_no_more(out: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    left(out, "workers/join.gone", DEAD)
    left(out, "workers/join.away", ELSEWHERE)
    for shard, worker in enumerate(("gone", "away", "unknown")):
        left(out, f"claims/0000{shard}", {"token": f"join.{worker}"}, age=3 - shard)
    with ExitStack() as stack:
        claims = joined(out, stack)
        assert [(claim.shard, claim.dead) for claim in claims.of_others()] == [
            ("00000", True),
            ("00001", False),
            ("00002", True),
        ]
        monkeypatch.setattr(lease, "STALE", -1.0)
        assert all(claim.dead for claim in claims.of_others())
        claims.sweep()
        assert out.list("claims") == []


def test_a_worker_beats(out: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.02)
    with working(out, JOINED) as worker:
        mark = Path(out.url(f"workers/{worker.token}"))
        first = mark.read_bytes()
        end = time.monotonic() + 10
        while mark.read_bytes() == first:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert isinstance(worker, Worker)


def test_a_mark_that_a_disk_has_damaged_is_still_its_workers(out: Storage) -> None:
    with working(out, WHOLE) as worker:
        Path(out.url(f"workers/{worker.token}")).write_bytes(b'{"half')
        worker.renew()
        assert json.loads(out.read(f"workers/{worker.token}"))["pid"] == os.getpid()
