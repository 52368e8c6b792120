"""The plan of an adjust job: its pictures in shards, their instructions understood."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from flows.engine.summary import Summary
from flows.jobs.adjust import AdjustJob
from models.diffusers.editor import Editor
from models.protocols import Generator
from tasks.adjust.plan import AdjustPlan
from tasks.adjust.read import for_editor
from tasks.adjust.reader import read_instruction
from tasks.adjust.sources import INSTRUCTION, find_parents
from tasks.imaging.picture_mask import read_mask
from tasks.loading.models import load_editor, load_generator
from tasks.prompts.parquet_reader import column_batches
from tasks.prompts.prompt_files import find_input
from tasks.prompts.shards import Shard, cut_evenly, shards_between
from tasks.runfolder.errors import BadInput
from tasks.runfolder.record import versions
from tasks.runfolder.storage import Storage

_SHARD = 32


class AdjustSummary(Summary):
    """Totals of an adjust run: its rows are pictures."""

    title: ClassVar[str] = "imagemill adjust"
    failed: ClassVar[tuple[str, str]] = ("picture was quarantined", "pictures were quarantined")


class AdjustingPlan:
    """What a job has to do, planned without writing anywhere but to `spool`.

    Raises:
        BadInput: the job, its pictures or its instruction cannot be used.
    """

    def __init__(self, job: AdjustJob, spool: Path) -> None:
        self.job = job.checked()
        self.parents = find_parents(job.source, Storage(str(spool)), job.out)
        self.by_editor = job.editor is not None
        read = for_editor if self.by_editor else read_instruction
        self.whole = None if job.instruction is None else read(job.instruction)
        if self.whole is not None and self.whole.refused is not None:
            raise BadInput(f"--instruction: {self.whole.refused}")
        if self.whole is None and not self.parents.instructed:
            again = " for what is to be other now" if self.parents.flow == "adjust" else ""
            raise BadInput(f"{job.source}: no column is named {INSTRUCTION}; give --instruction{again}.")
        self.mask_digest, self.mask = _mask(job.mask)
        if job.editor is None and job.editor_steps is not None:
            raise BadInput("--editor-steps: there is no --editor; name one, or leave the steps out.")
        if job.editor is not None and self.mask is None and load_editor(job.editor, job.device).inpaints:
            raise BadInput(f"--editor {job.editor}: it paints within a mask; give --mask, white where it may.")
        self.shard_size = job.shard_size or _SHARD
        self.shards = -(-self.parents.rows.rows // self.shard_size)

    def carry_on(self, record: Mapping[str, Any]) -> None:
        """Takes over the shards of the run in the folder; --shard-size may differ by now."""
        self.shard_size, self.shards = record["shard_size"], record["shards"]

    @cached_property
    def needs_scenes(self) -> bool:
        """Whether a plan may ask for a scene: then the model is loaded."""
        return not self.by_editor and (self.whole is None or self._of_scene(self.whole))

    @staticmethod
    def _of_scene(plan: AdjustPlan) -> bool:
        return any(step.of_scene or step.scope for step in plan.steps)

    def understood(self) -> Iterator[dict[str, Any]]:
        """What `--dry-run` prints of each row: its id and its plan."""
        known = [name for name in ("id", INSTRUCTION) if name in self.parents.rows.schema.names]
        row = itertools.count()
        for batch in column_batches(self.parents.rows, known):
            for values in batch.to_pylist():
                plan = self.whole or AdjustPlan("")
                if self.whole is None and values.get(INSTRUCTION):
                    told = str(values[INSTRUCTION])
                    plan = for_editor(told) if self.by_editor else read_instruction(told)
                yield {"id": values.get("id", f"{next(row):08d}"), **plan.as_dict()}

    def of_this_part(self) -> Iterator[Shard]:
        part, parts = self.job.part
        return itertools.islice(shards_between(cut_evenly(self.parents.rows.rows, self.shard_size)), part, None, parts)

    def rows_of_this_part(self) -> int:
        whole = self.job.part[1] == 1
        return self.parents.rows.rows if whole else sum(shard.rows for shard in self.of_this_part())

    def record(self) -> dict[str, Any]:
        """The content of `run.json`."""
        generator: Generator | Editor | None = None
        if self.job.editor is not None:
            generator = load_editor(self.job.editor, self.job.device)
        elif self.needs_scenes:
            generator = load_generator("default", self.job.device)
        return {
            "flow": "adjust",
            "job": self.job.shaping() | ({"mask": self.mask_digest} if self.mask_digest else {}),
            "input": self.parents.rows.fingerprint(),
            "files": self.parents.rows.digests(),
            "encoder": None,
            "generator": {"name": generator.name, "digest": generator.digest}
            if generator
            else {"name": f"adjust {self.whole}", "digest": ""},
            "shard_size": self.shard_size,
            "shards": self.shards,
            "versions": versions(),
        }


def read_instructions(file: str, spool: Path) -> Iterator[AdjustPlan]:
    """The plans of a file of instructions: its column `instruction`, or a text a line. Raises BadInput."""
    found = find_instructions(file, spool)
    for batch in column_batches(found[0], [found[1]]):
        for text in batch[found[1]].to_pylist():
            yield read_instruction("" if text is None else str(text))


def find_instructions(file: str, spool: Path) -> tuple[Any, str]:
    """The file's rows, and the column that holds the instructions."""
    try:
        return find_input(file, Storage(str(spool / "named")), INSTRUCTION), INSTRUCTION
    except BadInput as error:
        if "column" not in str(error):
            raise
    found = find_input(file, Storage(str(spool / "any")))
    return found, found.text_column


def _mask(path: str | None) -> tuple[str, Tensor | None]:
    if path is None:
        return "", None
    folder, _, name = path.rpartition("/")
    data = Storage(folder or ".").read(name)
    try:
        return hashlib.sha256(data).hexdigest(), read_mask(data)
    except ValueError as error:
        raise BadInput(f"--mask {path}: {error}") from error
