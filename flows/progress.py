"""How far the run is: a bar with rate and time left in a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

QUIET = 30.0  # seconds between two lines where there is no terminal


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} rows/s" if task.speed else "- rows/s")


class Progress:
    """Counts rows done.

    Args:
        rows: all there are.
        done_before: those an earlier run did.
        listener: is told the share done, 0 to 1, as it grows.
    """

    def __init__(self, rows: int, done_before: int, listener: Callable[[float], None]) -> None:
        self.rows = rows
        self.done = self.done_before = done_before  # the rate is of this run's rows alone
        self.console = Console(stderr=True)
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("rendering", total=rows - done_before)
        self.listener = listener
        self.said = self.started = time.monotonic()

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def advance(self, rows: int) -> None:
        self.done += rows
        self.bar.advance(self.task, rows)
        now = time.monotonic()
        if not self.console.is_terminal and now - self.said > QUIET:
            self.said = now
            rate = (self.done - self.done_before) / (now - self.started)
            left = (self.rows - self.done) / rate
            print(f"{self.done}/{self.rows} rows, {rate:.1f} rows/s, {left:.0f} s left", file=sys.stderr)
        self.listener(self.done / max(1, self.rows))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
