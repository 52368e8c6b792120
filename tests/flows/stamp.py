"""A stage as a stranger would write it: this file, and one entry in the list of stages."""

from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage
from flows.stages.render import Setting
from tasks.prompts.shards import Shard
from tasks.render.shard_state import RenderShard

EDGE = 4  # pixels of the mark


def stamp_shard(setting: Setting, pending: PendingShard[Shard], work: RenderShard) -> RenderShard:
    """Stamps a white mark into the upper left corner of every picture."""
    with work.timed("stamp"):
        for picture in work.pictures:
            assert picture.pixels is not None
            picture.pixels[:, :EDGE, :EDGE] = 255
    return work


STAMP = Stage("stamp", stamp_shard)
