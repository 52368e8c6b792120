"""Which shards of a run folder are complete, and what came of them.

What came of a thousand complete shards is folded into one table, `folded/<thousand>.parquet`, by the run that completes
the last of them: a run of a million shards that is carried on reads a thousand files instead, and looks into no table
of a folded shard again. The files in `timings/` stay, and count wherever a thousand is not folded.
"""

import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.runfolder.commit import MOST_REASONS, Outcome, is_sound, outcome_from_json, outcome_to_json
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError

Item = TypeVar("Item")

FOLDER = "folded"
THOUSAND = 1000
READERS = 16  # tables read concurrently, as an object store takes tens of milliseconds for each
AT_ONCE = 200  # files in memory
TOTAL = b"outcome of all"  # key of the table's own metadata


def shard_names(storage: Storage, folder: str) -> set[str]:
    """The shards that have a table in this folder, `metadata` or `quarantine`."""
    return set(map(_stem, storage.list(folder)))


def complete_shards(storage: Storage) -> set[str]:
    """The shards that have metadata and no damaged table; a damaged shard is to be done again."""
    folded = _folded(storage)
    complete, tables = set[str](), list[str]()
    for folder in ("quarantine", "metadata"):
        for path in storage.list(folder):
            name = _stem(path)
            if folder == "metadata":
                complete.add(name)
            if _thousand(name) not in folded:
                tables.append(path)
    with ThreadPoolExecutor(READERS) as pool:
        sound = list(pool.map(partial(is_sound, storage), tables))
    complete.difference_update(_stem(path) for path, fine in zip(tables, sound, strict=True) if not fine)
    return complete


def read_outcomes(storage: Storage, shards: Collection[str]) -> Iterator[Outcome]:
    """The outcomes of complete shards; those of a folded thousand, if all are asked for, as one.

    Raises:
        BadInput: one is damaged, which a run does not leave behind.
    """
    folded = _folded(storage)
    apart: list[str] = []
    asked: dict[str, list[str]] = {}
    for shard in sorted(shards):
        asked.setdefault(_thousand(shard), []).append(shard)
    for some in _at_once([each for each in asked.items() if each[0] in folded]):
        files = storage.read_many([_path(thousand) for thousand, _ in some])
        for (_, names), (path, data) in zip(some, files.items(), strict=True):
            if len(names) < THOUSAND:
                apart += names
            else:
                yield _read_total(storage, path, data)
    apart += [name for thousand, names in asked.items() if thousand not in folded for name in names]
    for few in _at_once(apart):
        for path, data in storage.read_many([f"timings/{shard}.json" for shard in few]).items():
            yield outcome_from_json(storage, path, data)


class Folding:
    """Folds thousands of shards as they become complete.

    Args:
        complete: the shards that are complete and stay as they are. What was folded of others is forgotten.
    """

    def __init__(self, storage: Storage, complete: Iterable[str]) -> None:
        self._storage = storage
        self._counts = Counter(map(_thousand, complete))
        folded = _folded(storage)
        for thousand in folded:
            if self._counts[thousand] < THOUSAND:
                storage.delete(_path(thousand))
        for thousand, count in self._counts.items():
            if count == THOUSAND and thousand not in folded:
                self._fold(thousand)

    def add(self, shard: str) -> None:
        """Another shard is complete."""
        thousand = _thousand(shard)
        self._counts[thousand] += 1
        if self._counts[thousand] == THOUSAND:
            self._fold(thousand)

    def _fold(self, thousand: str) -> None:
        names = [f"{thousand}{number:03d}" for number in range(THOUSAND)]
        with suppress(StorageError, BadInput):  # it only makes the next start quicker
            made = [
                outcome_from_json(self._storage, path, data)
                for some in _at_once(names)
                for path, data in self._storage.read_many([f"timings/{name}.json" for name in some]).items()
            ]
            table = pa.table({"shard": names, "outcome": [outcome_to_json(one).decode() for one in made]})
            table = table.replace_schema_metadata({TOTAL: outcome_to_json(total(made))})
            content = io.BytesIO()
            pq.write_table(table, content, compression="zstd")
            self._storage.write(_path(thousand), content.getvalue())


def total(outcomes: Sequence[Outcome]) -> Outcome:
    """Of several shards together."""
    counts = {name: sum(getattr(one, name) for one in outcomes) for name in ("rows", "pictures", "quarantined")}
    cut = sum(one.texts_cut for one in outcomes)
    seconds, failed, reasons = Counter[str](), Counter[str](), Counter[str]()
    for one in outcomes:
        seconds.update(one.seconds)
        failed.update(one.failed)
        reasons.update(one.reasons)
    most = dict(reasons.most_common(MOST_REASONS))
    return Outcome(**counts, seconds=dict(seconds), texts_cut=cut, failed=dict(failed), reasons=most)


def _at_once(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))


def _read_total(storage: Storage, path: str, data: bytes) -> Outcome:
    try:
        told = pq.read_schema(io.BytesIO(data)).metadata[TOTAL]
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise BadInput(f"{storage.url(path)}: damaged; delete it, and what it says is read from timings/.") from error
    return outcome_from_json(storage, path, told)


def _folded(storage: Storage) -> set[str]:
    return set(map(_stem, storage.list(FOLDER)))


def _path(thousand: str) -> str:
    return f"{FOLDER}/{thousand}.parquet"


def _thousand(shard: str) -> str:
    """The name of a shard without its last three digits, which is that of its thousand."""
    return shard[:-3]


def _stem(path: str) -> str:
    return path[path.rfind("/") + 1 : path.rfind(".")]  # pathlib takes ten times as long, and there are millions
