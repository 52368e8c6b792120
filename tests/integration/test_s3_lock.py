"""The lock of a run folder on a real S3 server, whose conditional writes it rests on."""

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from tasks.prompts.shards import Shard
from tasks.runfolder import lease as module
from tasks.runfolder.commit import commit
from tasks.runfolder.errors import BadInput, Stopped
from tasks.runfolder.lease import Lease, beating
from tasks.runfolder.lock import locked
from tasks.runfolder.lock_object import LockObject
from tasks.runfolder.storage import Storage
from tests.integration.faults import Faults, Proxy
from tests.integration.s3 import S3

HOLD = """
import sys, time
from tasks.runfolder.lock import locked
from tasks.runfolder.storage import Storage
with locked(Storage(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_store_writes_under_conditions_alone(bucket: str) -> None:
    one = LockObject(f"{bucket}/run.lock")
    first = one.write(b'{"pid": 1}', IfNoneMatch="*")
    assert first is not None
    assert one.write(b"{}", IfNoneMatch="*") is None
    second = one.write(b'{"pid": 2}', IfMatch=first)
    assert second is not None
    assert one.write(b"{}", IfMatch=first) is None
    one.delete(first)
    held = one.read()
    assert held is not None
    assert (held.owner, held.etag) == ({"pid": 2}, second)
    assert 0 <= held.age < 30
    one.delete(second)
    assert one.read() is None
    assert one.write(b"{}", IfMatch=second) is None


def test_one_of_many_takers_gets_a_stale_lock(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{bucket}/run.lock"
    LockObject(url).write(b'{"host": "elsewhere", "pid": 7}', IfNoneMatch="*")
    monkeypatch.setattr(module, "is_dead", lambda held: held.owner["host"] == "elsewhere")
    at_once = threading.Barrier(8)

    def take(_: int) -> Lease | None:
        lease = Lease(url)
        at_once.wait()
        try:
            lease.acquire()
        except BadInput:
            return None
        return lease

    with ThreadPoolExecutor(8) as pool:
        (lease,) = [taken for taken in pool.map(take, range(8)) if taken is not None]
    lease.renew()
    lease.release()
    assert LockObject(url).read() is None


def test_cut_off_owner_loses_a_stale_lock_and_notices(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{bucket}/run.lock"
    owner = Lease(url)
    owner.acquire()
    monkeypatch.setattr(module, "STALE", 0.5)
    monkeypatch.setattr(module, "SURE", 0.5)
    time.sleep(2.5)  # as long as the store counts in whole seconds
    with beating(Lease(url)) as taker:
        with pytest.raises(Stopped, match=f"on {socket.gethostname()}.*took this folder over"):
            owner.check()
        owner.release()
        taker.renew()


def test_killed_process_of_this_machine_frees_it_at_once(bucket: str) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, bucket], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(BadInput, match=f"process {process.pid} on {socket.gethostname()}"),
            beating(Lease(f"{bucket}/run.lock")),
        ):
            pass
        process.kill()
    with beating(Lease(f"{bucket}/run.lock")):
        pass


def test_lost_calls_and_lost_answers(s3: S3, bucket: str, proxy: Proxy) -> None:
    proxy.faults = Faults(cut_before=0.2, cut_after=0.3)
    with beating(Lease(f"{bucket}/run.lock")) as lease:
        for _ in range(20):
            lease.renew()
    proxy.faults = Faults()
    assert proxy.faulted > 5
    if LockObject(f"{bucket}/run.lock").read() is not None:  # the answer to giving it back was lost, which is no harm
        with beating(Lease(f"{bucket}/run.lock")):
            pass


def test_an_owner_that_lost_its_lock_commits_nothing_more(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out, empty = Storage(bucket), pa.table({"row": pa.array([], pa.int64()), "id": pa.array([], pa.string())})
    with locked(out):
        commit(out, Shard(0, 0, 0), empty, empty, {}, 1)
        monkeypatch.setattr(module, "STALE", 0.5)
        monkeypatch.setattr(module, "SURE", 0.5)
        time.sleep(2.5)
        with beating(Lease(f"{bucket}/run.lock")), pytest.raises(Stopped, match="took this folder over"):
            commit(out, Shard(1, 0, 0), empty, empty, {}, 1)
    assert out.list("metadata") == ["metadata/00000.parquet"]
