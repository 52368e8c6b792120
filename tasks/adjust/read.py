"""Read: a shard's pictures with their instructions, understood."""

from typing import Any

from tasks.adjust.plan import EDIT, AdjustPlan, PlanStep
from tasks.adjust.reader import read_instruction
from tasks.adjust.shard_state import METADATA, OF_PARENT, Adjusted, AdjustShard, adjusted_identity
from tasks.adjust.sources import INSTRUCTION, Parents
from tasks.prompts.parquet_reader import shard_rows
from tasks.prompts.shards import Shard
from tasks.render.read import values
from tasks.render.row_values import row_id
from tasks.runfolder.shard_state import Failure

_TAKEN = {
    "id",
    "row",
    "image",
    INSTRUCTION,
    "plan",
    "width",
    "height",
    "sha256",
    "bytes",
    "quality_figures",
    *OF_PARENT,
}
_TAKEN |= set(METADATA.names)
MOST_CHARACTERS = 2_000  # of an instruction for a checkpoint
FOLLOWS = ("reference", "reference_row")  # the user's columns that had a say in what the picture shows


def read_pictures(parents: Parents, shard: Shard, instruction: str | None, by_editor: bool = False) -> AdjustShard:
    """Reads a shard.

    Args:
        instruction: for all rows; None: each has its own, and one without any stays as it is.
        by_editor: instructions are for a checkpoint, which reads any words.

    Raises:
        StorageError: the rows cannot be read (any more).
    """
    rows = shard_rows(parents.rows, shard)
    names = rows.table.column_names
    looked_at = {*_TAKEN, *FOLLOWS, parents.image_column}
    columns = {name: values(rows.table[name]) for name in names if name in looked_at}
    work = AdjustShard(shard, [], [], rows.table.select([n for n in names if n not in {*_TAKEN, parents.image_column}]))
    for i in range(len(rows.table)):
        given = {name: column[i] for name, column in columns.items() if column[i] is not None}
        row, id = shard.row + i, f"{shard.row + i:08d}"
        wanted = instruction if instruction is not None else given.get(INSTRUCTION)
        stage = "read"
        try:
            if i in rows.problems:
                raise ValueError(f"{rows.problems[i]}.")
            id = row_id(given["id"]) if "id" in given else id
            image = given.get(parents.image_column)
            if not isinstance(image, str) or not image:
                raise ValueError("the row names no picture.")
            stage = "plan"
            plan = understood(wanted, by_editor)
            work.items.append(Adjusted(row, id, image, given, plan))
        except ValueError as error:
            told = None if wanted is None else str(wanted)
            work.failures.append(
                Failure(row, stage, f"{rows.place(i)}{error}", adjusted_identity(id, given.get("text"), told))
            )
    return work


def understood(instruction: Any, by_editor: bool = False) -> AdjustPlan:
    """The plan of a row's instruction, an empty one without. Raises ValueError with the reason if it is refused."""
    if instruction is None or (isinstance(instruction, str) and not instruction.strip()):
        return AdjustPlan("")
    if not isinstance(instruction, str):
        raise ValueError(f"the instruction is no text but {type(instruction).__name__}.")
    plan = for_editor(instruction) if by_editor else read_instruction(instruction)
    if plan.refused is not None:
        raise ValueError(plan.refused)
    return plan


def for_editor(instruction: str) -> AdjustPlan:
    """The plan of an instruction that a checkpoint carries out: any words, as they stand."""
    if len(instruction) > MOST_CHARACTERS:
        return AdjustPlan(instruction, refused=f"more than {MOST_CHARACTERS} characters; say it in fewer.")
    return AdjustPlan(instruction, (PlanStep(EDIT, instruction.strip()),))
