"""Progress of one stage: a bar in the terminal and, within a task run, one on its Prefect page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prefect.context import TaskRunContext

from flows.engine.artifacts import ProgressArtifact
from flows.engine.progress import Progress


@contextmanager
def progress(what: str, unit: str, total: int, done_before: int = 0) -> Iterator[Progress]:
    """Shows how far `what` is, counted in `unit`."""

    def unseen(share: float) -> None:
        pass

    on_page = TaskRunContext.get() is not None
    share = done_before / max(1, total)
    listener = ProgressArtifact(share, f"{what[:1].upper()}{what[1:]}: {unit} done") if on_page else unseen
    with Progress(total, done_before, listener, what, unit) as shown:
        yield shown


@contextmanager
def count(what: str, unit: str, total: int) -> Iterator[Callable[[int], None]]:
    """The same for what is told how many are done by now."""
    with progress(what, unit, total) as shown:
        yield lambda done: shown.advance(done - shown.done)
