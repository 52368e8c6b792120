"""Progress of one stage: a bar in the terminal and, within a task run, on its Prefect page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prefect.context import TaskRunContext

from flows.engine.artifacts import ProgressArtifact
from flows.engine.progress import Progress


@contextmanager
def progress(what: str, unit: str, total: int, done_before: int = 0) -> Iterator[Progress]:
    """Shows the progress of `what`, counted in `unit`."""

    def ignore(share: float) -> None:
        pass

    on_page = TaskRunContext.get() is not None
    share = done_before / max(1, total)
    listener = ProgressArtifact(share, f"{what[:1].upper()}{what[1:]}: {unit} done") if on_page else ignore
    with Progress(total, done_before, listener, what, unit) as bar:
        yield bar


@contextmanager
def count(what: str, unit: str, total: int) -> Iterator[Callable[[int], None]]:
    """As `progress`, for callers that report how many are done so far."""
    with progress(what, unit, total) as bar:
        yield lambda done: bar.advance(done - bar.done)
