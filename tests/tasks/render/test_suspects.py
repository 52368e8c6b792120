"""A row that breaks the device is found and quarantined; no other is."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from torch import Tensor

from models.fixed_batches import BatchLimit
from models.protocols import Generator
from tasks.prompts.shards import Shard
from tasks.render import suspects
from tasks.render.faults import read_faults, shards_with_faults
from tasks.render.generate import generate
from tasks.render.shard_state import Prompt, RenderShard
from tasks.render.suspects import acquit, blaming, suspect
from tasks.render.transfer import arrive
from tasks.runfolder.storage import Storage

ROWS = 6


class Device(Generator):
    """A process's device: it fails with some rows, and once it has, with all."""

    name, digest, encoder, size = "device", "0" * 64, None, 8

    def __init__(self, *bad: int) -> None:
        self.bad = {*bad}
        self.batches: list[list[int]] = []

    def generate(
        self, features: Sequence[object], seeds: Sequence[int], width: int, height: int, *more: object
    ) -> Tensor:
        self.batches.append(list(seeds))
        if self.bad & {*seeds} or -1 in self.bad:
            self.bad.add(-1)
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        return torch.full((len(seeds), 3, height, width), 0.5)


def attempt(device: Device, storage: Storage) -> RenderShard:
    """The shard in a new process."""
    suspects._sound.clear()
    prompts = [Prompt(row, str(row), "a cat", [row], 8, 8) for row in range(ROWS)]
    work = RenderShard(Shard(0, 0, ROWS), prompts, [], pa.table({}))
    if shards_with_faults(storage):
        suspect(work, storage)
    with blaming(work, storage):
        sent: list[object] = []
        generate(work, device, lambda *size: BatchLimit(4), sent.append, as_bytes=True)
        arrive(work, "generate", sent)  # type: ignore[arg-type]
    acquit(work, storage)
    return work


@pytest.mark.parametrize(("bad", "faults"), [(3, 3), (0, 4)], ids=["in the middle", "the first, before any other"])
def test_a_row_that_breaks_the_device_alone_in_two_processes_is_quarantined(
    tmp_path: Path, bad: int, faults: int
) -> None:
    storage = Storage(str(tmp_path))
    for _ in range(faults):
        with pytest.raises(RuntimeError, match="illegal memory access"):
            attempt(Device(bad), storage)
    assert read_faults(storage, "00000").to_blame == {bad}
    work = attempt(Device(bad), storage)
    ((row, stage, error),) = [(failure.row, failure.stage, failure.error) for failure in work.failures]
    assert (row, stage) == (bad, "generate") and "alone, in two processes: CUDA error: an illegal" in error
    assert len(work.pictures) == ROWS - 1
    assert not shards_with_faults(storage)


def test_a_device_that_breaks_by_itself_costs_no_row(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for _ in range(2 * ROWS + 1):
        with pytest.raises(RuntimeError, match="illegal memory access"):
            attempt(Device(-1), storage)
    assert not attempt(Device(), storage).failures


def test_rows_are_tried_alone_only_after_a_fault(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with pytest.raises(RuntimeError):
        attempt(Device(-1), storage)
    again, later = Device(), Device()
    assert not attempt(again, storage).failures and [len(batch) for batch in again.batches] == [1] * ROWS
    assert not attempt(later, storage).failures and [len(batch) for batch in later.batches] == [4, 2]


def test_a_damaged_note_is_as_none(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write("faults/00000.json", b'{"alone": [')
    assert not attempt(Device(), storage).failures
