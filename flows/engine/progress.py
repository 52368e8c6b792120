"""Progress of a run: in a terminal a bar with rate and time left, elsewhere and in the log a line now and then."""

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

QUIET = 30.0  # seconds between two lines
_log = logging.getLogger("imagemill.progress")


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} {self.unit}/s" if task.speed else f"- {self.unit}/s")


def _tell(line: str, fields: dict[str, int]) -> None:
    """Logs a line; a process without a log, which a worker's training has none of, gets it on stderr."""
    if _log.parent is not None and _log.parent.handlers:
        _log.info("%s", line, extra={"fields": fields})
    else:
        print(line, file=sys.stderr)


class Progress:
    """Counts rows done.

    Args:
        rows: how many there are in all.
        done_before: how many of them an earlier run did.
        listener: called with the share done, 0 to 1, after each advance.
        what: what is being done, and `unit`: what is counted.
    """

    def __init__(
        self,
        rows: int,
        done_before: int,
        listener: Callable[[float], None],
        what: str = "rendering",
        unit: str = "rows",
    ) -> None:
        self.rows = rows
        self.done = self.done_before = done_before  # the rate is of this run's rows alone
        self.console = Console(stderr=True)
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(unit),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task(what, total=rows - done_before, note="")
        self.listener = listener
        self.unit = unit
        self.last_line = self.started = time.monotonic()

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def expect(self, rows: int) -> None:
        """Sets the total, once it is known."""
        self.rows = rows
        self.bar.update(self.task, total=rows - self.done_before)

    @property
    def seconds_left(self) -> float:
        """Until all is done, at the rate so far."""
        done = self.done - self.done_before
        return (self.rows - self.done) * (time.monotonic() - self.started) / done if done else float("inf")

    def advance(self, rows: int, note: str = "") -> None:
        """Counts `rows` more as done; `note` is shown beside the bar."""
        self.done += rows
        self.bar.update(self.task, advance=rows, note=note)
        now = time.monotonic()
        if now - self.last_line > QUIET and self.done > self.done_before:
            self.last_line = now
            rate = (self.done - self.done_before) / (now - self.started)
            left = self.seconds_left
            line = f"{self.done}/{self.rows} {self.unit}, {rate:.1f} {self.unit}/s, {left:.0f} s left"
            _tell(f"{line}  {note}".rstrip(), {"done": self.done, "rows": self.rows, "eta_seconds": round(left)})
        self.listener(self.done / max(1, self.rows))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
