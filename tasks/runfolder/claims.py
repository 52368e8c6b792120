"""Claims of joined workers on shards: `claims/<shard>` names the worker that began the shard last.

A claim only spares double work; that a shard is committed once rests on the commit alone. So a claim has no heartbeat
of its own: it is as alive as its worker's mark, and a worker renews one object however many shards it has in hand.
"""

import contextlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from zlib import crc32

from tasks.runfolder.lease import lock_at
from tasks.runfolder.lock_file import LockFile
from tasks.runfolder.lock_object import LockObject
from tasks.runfolder.storage import Storage, explain
from tasks.runfolder.workers import Worker

FOLDER = "claims"


@dataclass(frozen=True)
class Claim:
    """Another worker's claim: how old it is, in seconds, and whether its worker is gone."""

    shard: str
    age: float
    dead: bool
    etag: str


class Claims:
    """The claims of one worker. Its methods may be called from any thread."""

    def __init__(self, storage: Storage, worker: Worker) -> None:
        self._storage = storage
        self._worker = worker
        self._content = json.dumps({"token": worker.token}).encode()
        self._etags: dict[str, str] = {}

    @property
    def number(self) -> int:
        """A number of this worker's own, the same for as long as it works."""
        return crc32(self._content)

    def take(self, name: str) -> bool:
        """Claims what nobody has; whether it did."""
        return self._write(name, IfNoneMatch="*")

    def take_over(self, claim: Claim) -> bool:
        """Puts this worker's claim in the place of another's, if that is still there; whether it did."""
        return self._write(claim.shard, IfMatch=claim.etag)

    def give_back(self, name: str) -> None:
        """Deletes the claim, if another worker has not taken it over."""
        etag = self._etags.pop(name, None)
        if etag is None:
            return  # at the end of a run that is told to end, both its threads and its end give back
        with contextlib.suppress(Exception):  # the store is down: the claim ends with its worker
            self._at(name).delete(etag)

    def give_all_back(self) -> None:
        for name in list(self._etags):
            self.give_back(name)

    def of_others(self) -> list[Claim]:
        """The claims of other workers, oldest first."""
        names = [path.rpartition("/")[2] for path in self._storage.list(FOLDER)]
        with self._explained():
            held = {name: claim for name in names if name not in self._etags and (claim := self._at(name).read())}
        tokens = {str(claim.owner.get("token")) for claim in held.values()}
        living = {token for token in tokens if token != self._worker.token and self._worker.living(token)}
        claims = [
            Claim(name, claim.age, claim.owner.get("token") not in living, claim.etag) for name, claim in held.items()
        ]
        return sorted(claims, key=lambda claim: -claim.age)

    def sweep(self) -> None:
        """Deletes the claims of the dead, once all shards are complete."""
        for claim in self.of_others():
            if claim.dead:
                with contextlib.suppress(Exception):  # as above
                    self._at(claim.shard).delete(claim.etag)

    def _write(self, name: str, **condition: str) -> bool:
        with self._explained():
            etag = self._at(name).write(self._content, **condition)
        if etag is not None:
            self._etags[name] = etag
        return etag is not None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise explain(error, self._storage.url(FOLDER)) or error from error

    def _at(self, name: str) -> LockObject | LockFile:
        return lock_at(self._storage.url(f"{FOLDER}/{name}"))


@contextmanager
def claiming(storage: Storage, worker: Worker) -> Iterator[Claims]:
    """The claims of a worker, which are given back in the end."""
    claims = Claims(storage, worker)
    try:
        yield claims
    finally:
        claims.give_all_back()
