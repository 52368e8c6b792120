"""Write: the pictures of a shard, then its metadata, whose existence marks it as complete."""

import pyarrow as pa

from tasks.adjust.shard_state import METADATA, AdjustShard
from tasks.render.metadata import with_carried
from tasks.runfolder.commit import Outcome
from tasks.runfolder.storage import Storage


def write_pictures(work: AdjustShard, storage: Storage, attempt: int = 1) -> Outcome:
    """Writes a shard.

    Raises:
        StorageError: something could not be written; the shard then counts as incomplete.
    """
    with work.timed("write"):
        storage.write_many({item.path: item.file for item in work.items})
        metadata = pa.Table.from_pylist([item.columns for item in work.items], schema=METADATA)
        carried = work.carried.take(pa.array([item.row - work.shard.row for item in work.items], pa.int64()))
        metadata = with_carried(metadata, carried, METADATA.names)
    return work.commit(storage, metadata, attempt)
