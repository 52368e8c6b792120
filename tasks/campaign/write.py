"""Write: the ads of a shard, then its metadata, whose existence marks it as complete."""

import pyarrow as pa

from tasks.campaign.shard_state import METADATA, AdShard
from tasks.render.metadata import with_carried
from tasks.runfolder.commit import Outcome
from tasks.runfolder.storage import Storage


def write_ads(work: AdShard, storage: Storage, attempt: int = 1) -> Outcome:
    """Writes a shard.

    Raises:
        StorageError: something could not be written; the shard then counts as incomplete.
    """
    with work.timed("write"):
        storage.write_many({ad.path: ad.file for ad in work.items})
        metadata = pa.Table.from_pylist([ad.columns for ad in work.items], schema=METADATA)
        carried = work.carried.take(pa.array([ad.product_row - work.first for ad in work.items], pa.int64()))
        metadata = with_carried(metadata, carried, METADATA.names)
    return work.commit(storage, metadata, attempt)
