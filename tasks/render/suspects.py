"""Rows under suspicion of breaking the device are made alone; see tasks/render/faults.py."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from models.device import finish, is_broken
from models.messages import one_line
from tasks.render.faults import clear_faults, note_fault, read_faults
from tasks.render.shard_state import Picture, RenderShard
from tasks.runfolder.storage import Storage


def suspect(work: RenderShard, storage: Storage) -> None:
    """Has the shard's suspects made alone; moves rows that were found to break the device to its failures."""
    faults = read_faults(storage, work.shard.name)
    work.suspects = faults.alone
    reason = f"the device made others and failed with this row alone, in two processes: {faults.error}"
    work.fail("generate", {prompt: reason for prompt in work.prompts if prompt.row in faults.to_blame})


_sound = threading.Event()


def note_sound() -> None:
    """This process's device has made something."""
    _sound.set()


@contextmanager
def tried(work: RenderShard, pictures: Sequence[Picture]) -> Iterator[None]:
    """Within it the device works on a batch. It has nothing else to do then if that is a suspect's."""
    row = pictures[0].prompt.row
    if row not in work.suspects:
        yield
        return
    finish()
    work.alone = row
    yield
    finish()
    note_sound()
    work.alone = None


@contextmanager
def blaming(work: RenderShard, storage: Storage) -> Iterator[None]:
    """Notes which rows the device was at work on if it fails within."""
    try:
        yield
    except RuntimeError as error:
        if is_broken(error):
            rows = {picture.prompt.row for picture in work.pictures} if work.alone is None else {work.alone}
            note_fault(storage, work.shard.name, rows, one_line(error), work.alone is not None, _sound.is_set())
        raise


def acquit(work: RenderShard, storage: Storage) -> None:
    """Forgets the suspicion: the shard is complete."""
    if work.suspects:
        clear_faults(storage, work.shard.name)
