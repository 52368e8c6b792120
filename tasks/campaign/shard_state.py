"""The state of a shard of ads, and the metadata of a campaign: one row an ad."""

from typing import Any, ClassVar

import pyarrow as pa

from tasks.layout.box import Box
from tasks.prompts.shards import Shard
from tasks.runfolder.shard_state import Failure, ShardState

METADATA = pa.schema(
    {
        "id": pa.string(),
        "row": pa.int64(),
        "text": pa.string(),
        "product": pa.string(),
        "audience": pa.string(),
        "placement": pa.string(),
        "platform": pa.string(),
        "language": pa.string(),
        "image": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "format": pa.string(),
        "quality": pa.int32(),
        "bytes": pa.int64(),
        "sha256": pa.string(),
        "template": pa.string(),
        "left_out": pa.list_(pa.string()),
        "picture": pa.string(),
        "prompt": pa.string(),
        "label": pa.string(),
        "contrast": pa.float32(),
        "veil": pa.float32(),
        "text_share": pa.float32(),
        "safe_area": pa.string(),
        "subject": pa.string(),
        "boxes": pa.string(),
    }
)
"""`text`: all copy that is shown; `left_out`: copy that the template has no box for; `picture`: the one behind it, by
the id of a generated one or as the product table names it; `veil`: strength of the scrim; boxes are JSON, in pixels."""


class Ad:
    """One ad.

    Attributes:
        row: its number in the grid; product_row: that of its product in the table.
        values: what templates may name; copy: its texts by column.
        picture: the path of its picture, and whether it was `generated`; subject: its box, as shares, if it is known.
        file, columns: the finished file and its row of the metadata.
    """

    def __init__(self, row: int, product_row: int, name: str, values: dict[str, str]) -> None:
        self.row = row
        self.product_row = product_row
        self.name = name
        self.values = values
        self.copy: dict[str, str] = {}
        self.picture = ""
        self.generated = False
        self.prompt: str | None = None
        self.subject: tuple[float, float, float, float] | None = None
        self.path = ""
        self.file = b""
        self.columns: dict[str, Any] = {}

    def identity(self) -> dict[str, Any]:
        return ad_identity(self.name, self.values)


def ad_identity(name: str, values: dict[str, str]) -> dict[str, Any]:
    """The columns that identify an ad in the quarantine."""
    axes = {axis: values.get(axis) for axis in ("product", "audience", "placement", "language")}
    return {"prompt_id": name, "text": ", ".join(value for value in axes.values() if value), **axes}


class AdShard(ShardState[Shard, Ad]):
    """A shard of ads in the pipeline; `carried`: columns of its products that go through to the metadata."""

    IDENTITY: ClassVar[dict[str, pa.DataType]] = {
        "prompt_id": pa.string(),
        "text": pa.string(),
        "product": pa.string(),
        "audience": pa.string(),
        "placement": pa.string(),
        "language": pa.string(),
    }

    def __init__(self, shard: Shard, items: list[Ad], failures: list[Failure], carried: pa.Table, first: int) -> None:
        super().__init__(shard, items, failures)
        self.carried = carried
        self.first = first
        """The row of the product table that `carried` begins with."""

    def release(self) -> None:
        super().release()
        self.carried = self.carried.schema.empty_table()


def box_list(box: Box) -> list[int]:
    return [box.x, box.y, box.width, box.height]
