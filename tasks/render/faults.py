"""Rows that a device was at work on when it failed: `faults/<shard>.json` until the shard is complete.

A fault ends the process, and a batch hides whose fault it was. So whoever does the shard next makes each of these rows
alone. A row is to blame that the device failed with alone in two processes in which it had made others before: so a
device that is broken costs no row.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath

from tasks.runfolder.storage import Storage, StorageError

FOLDER = "faults"
TO_BLAME = 2  # processes whose device made other rows and failed with one alone


@dataclass
class Faults:
    """Of one shard: how often the device failed with each row alone, how often it was sound before that, and what it
    said last."""

    alone: dict[int, int] = field(default_factory=dict)
    sound: dict[int, int] = field(default_factory=dict)
    error: str = ""

    @property
    def to_blame(self) -> set[int]:
        return {row for row, times in self.sound.items() if times >= TO_BLAME}


def shards_with_faults(storage: Storage) -> frozenset[str]:
    return frozenset(PurePosixPath(path).stem for path in storage.list(FOLDER))


def read_faults(storage: Storage, shard: str) -> Faults:
    """Those of a shard; none where the file is gone or damaged, as they are found out again."""
    try:
        told = json.loads(storage.read(_path(shard)))
        alone, sound = ({int(row): int(n) for row, n in told[kind].items()} for kind in ("alone", "sound"))
        return Faults(alone, sound, str(told["error"]))
    except (StorageError, ValueError, KeyError, TypeError, AttributeError):
        return Faults()


def note_fault(storage: Storage, shard: str, rows: Iterable[int], error: str, alone: bool, sound: bool) -> None:
    """Adds rows that the device was at work on.

    Args:
        alone: there was only one.
        sound: the device had made others in this process before.
    """
    with suppress(StorageError):  # the fault itself is what is to be told
        faults = read_faults(storage, shard)
        for row in rows:
            faults.alone[row] = faults.alone.get(row, 0) + alone
            faults.sound[row] = faults.sound.get(row, 0) + (alone and sound)
        faults.error = error
        storage.write(_path(shard), json.dumps(asdict(faults)).encode())


def clear_faults(storage: Storage, shard: str) -> None:
    storage.delete(_path(shard))


def _path(shard: str) -> str:
    return f"{FOLDER}/{shard}.json"
