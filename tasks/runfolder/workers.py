"""Who works in a run folder: a mark in `workers/` for each run, renewed as its heartbeat.

The marks tell which runs may work side by side: those of one group may, of two groups never. A run makes its mark and
then looks for others, so of two that come at once at least one sees the other. Marks of the dead are deleted by whoever
finds them. A mark's name begins with its group, so that those of one's own need not be read.
"""

import contextlib
import uuid

from tasks.runfolder.errors import Busy, Stopped
from tasks.runfolder.lease import Lease, clock, is_dead, lock_at
from tasks.runfolder.lock_object import Held
from tasks.runfolder.storage import Storage

FOLDER = "workers"
FEW = 16  # marks that a run looks through as it leaves


class Worker(Lease):
    """A run's mark. One that was silent for so long that others deleted it makes it again, if it still may.

    Args:
        group: runs of one group work side by side.
        mend: what to do while other groups are at work, in a few words.
    """

    def __init__(self, storage: Storage, group: str, mend: str) -> None:
        self._storage = storage
        self._group = group
        self._mend = mend
        self.token = f"{group}.{uuid.uuid4().hex}"
        super().__init__(storage.url(f"{FOLDER}/{self.token}"), self.token)

    def acquire(self) -> None:
        """Makes the mark.

        Raises:
            Busy: runs of another group are at work.
            StorageError: the store fails.
        """
        super().acquire()
        try:
            self.check_alone()
        except Busy:
            self.release()
            raise

    def check_alone(self) -> None:
        """Raises Busy if runs of another group are at work."""
        foreign = [name for name in self._names() if _group_of(name) != self._group]
        others = [(name, held) for name in foreign if (held := self.living(name)) is not None]
        if not others:
            return
        (name, held), *rest = others
        what = "another run is writing here" if _group_of(name) == "run" else "runs that share this folder are at work"
        more = f" and {len(rest)} more" if rest else ""
        raise Busy(
            f"{self._storage.url()}: {what} ({held.name}{more}); {self._mend}, or choose another --out.", held.name
        )

    def renew(self) -> None:
        """A heartbeat.

        Raises:
            Stopped: this run was silent for so long that others took the folder; nothing more may be written.
            StorageError: the store fails.
        """
        try:
            super().renew()
        except Stopped:
            self._lost = None
            try:
                self.acquire()
            except Busy as error:
                self._lost = Stopped(str(error))
                raise self._lost from error

    def release(self) -> None:
        """Deletes the mark, and those of dead runs where few are left."""
        with contextlib.suppress(Exception):  # as `Lease.release`
            others = [name for name in self._names() if name != self.token]
            for name in others if len(others) <= FEW else ():
                self.living(name)
        super().release()

    def _is_ours(self, held: Held) -> bool:
        """Always, as the name is: a store that lost half of the mark does not end the run."""
        self._etag, self._renewed = held.etag, clock() - held.age
        return True

    def living(self, token: str) -> Held | None:
        """The mark of another worker, or None if that one has ended or is dead."""
        with self._explained():
            place = lock_at(self._storage.url(f"{FOLDER}/{token}"))
            held = place.read()
            if held is not None and is_dead(held):
                place.delete(held.etag)
                return None
            return held

    def _names(self) -> list[str]:
        return [path.rpartition("/")[2] for path in self._storage.list(FOLDER)]


def _group_of(name: str) -> str:
    return name.partition(".")[0]
