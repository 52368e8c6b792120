"""The state of a shard of pictures that are adjusted, and their metadata: one row a picture."""

from typing import Any, ClassVar

import pyarrow as pa
from torch import Tensor

from tasks.adjust.plan import AdjustPlan
from tasks.prompts.shards import Shard
from tasks.runfolder.shard_state import Failure, ShardState

_OF_PARENT = {
    "text": pa.string(),
    "language": pa.string(),
    "encoder_text": pa.string(),
    "encoder": pa.string(),
    "encoder_digest": pa.string(),
    "generator": pa.string(),
    "generator_digest": pa.string(),
    "seed": pa.int64(),
    "settings": pa.string(),
    "match": pa.float32(),
}
"""Columns that a picture has from the one that it was made of: how that was generated."""
METADATA = pa.schema(
    {
        "id": pa.string(),
        "row": pa.int64(),
        **_OF_PARENT,
        "instruction": pa.string(),
        "plan": pa.string(),
        "parent": pa.string(),
        "parent_image": pa.string(),
        "parent_sha256": pa.string(),
        "scene_edits": pa.string(),
        "scene_width": pa.int32(),
        "scene_height": pa.int32(),
        "filters": pa.string(),
        "editor": pa.string(),
        "editor_digest": pa.string(),
        "edit_shift": pa.float32(),
        "width": pa.int32(),
        "height": pa.int32(),
        "image": pa.string(),
        "sha256": pa.string(),
        "bytes": pa.int64(),
        "brightness": pa.float32(),
        "contrast": pa.float32(),
        "sharpness": pa.float32(),
    }
)
"""`plan`, `scene_edits`, `filters`: JSON; the latter two are all edits and filters since the picture was generated, of
which the plan's are the last. `scene_width`, `scene_height`: the size at which the scene was rendered. `editor`: the
checkpoint that edited it; `edit_shift`: how many pixels what was to stay lay off, null if that could not be told."""
OF_PARENT = tuple(_OF_PARENT)


class Adjusted:
    """One picture to adjust.

    Attributes:
        given: the parent's row of metadata, or of the user's table.
        plan: what its instruction comes to.
        features: of the text that the parent was made from, and `described` of the names of things that are added.
        edit_shift: what `edit_shift` of the metadata says.
        file, columns: the finished file and its row of the metadata.
    """

    def __init__(self, row: int, id: str, image: str, given: dict[str, Any], plan: AdjustPlan) -> None:
        self.row = row
        self.id = id
        self.image = image
        self.given = given
        self.plan = plan
        self.features: Tensor | None = None
        self.described: dict[str, Tensor] = {}
        self.edit_shift: float | None = None
        self.path = ""
        self.file = b""
        self.columns: dict[str, Any] = {}

    @property
    def of_scene(self) -> bool:
        """Whether the scene is needed: to be rendered again, or to know where a thing stands."""
        return any(step.of_scene or step.scope for step in self.plan.steps)

    def identity(self) -> dict[str, Any]:
        return adjusted_identity(self.id, self.given.get("text"), self.plan.instruction)


def adjusted_identity(id: str, text: Any, instruction: str | None) -> dict[str, Any]:
    """The columns that identify a picture in the quarantine."""
    return {"prompt_id": id, "text": None if text is None else str(text), "instruction": instruction}


class AdjustShard(ShardState[Shard, Adjusted]):
    """A shard of pictures in the pipeline; `carried`: the parent's other columns, which go through."""

    IDENTITY: ClassVar[dict[str, pa.DataType]] = {
        "prompt_id": pa.string(),
        "text": pa.string(),
        "instruction": pa.string(),
    }

    def __init__(self, shard: Shard, items: list[Adjusted], failures: list[Failure], carried: pa.Table) -> None:
        super().__init__(shard, items, failures)
        self.carried = carried

    def release(self) -> None:
        super().release()
        self.carried = self.carried.schema.empty_table()
