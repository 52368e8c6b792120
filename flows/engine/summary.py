"""Totals of a run."""

import json
from typing import ClassVar, TypeVar

from pydantic import BaseModel
from rich.table import Table

from tasks.runfolder.commit import Outcome

MOST_REASONS = 100  # once so many are known, what else comes is counted by its stage alone
Number = TypeVar("Number", int, float)


def _sum(first: dict[str, Number], second: dict[str, Number]) -> dict[str, Number]:
    """The sums by name, in the order of the first."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


class Summary(BaseModel):
    """Totals of a run folder, or of the part of it that this run did."""

    title: ClassVar[str] = "imagemill render"
    failed: ClassVar[tuple[str, str]] = ("row failed", "rows failed")
    tells_reasons: ClassVar[bool] = True
    """Whether logs and Prefect may see why rows failed."""

    out: str
    rows: int
    files: int = 1
    """Files of the input."""
    files_left_out: dict[str, int] = {}
    """Files found beside them but not used: how many, by reason."""
    pictures: int = 0
    quarantined: int = 0
    failed_at: dict[str, int] = {}
    """Quarantined rows by stage."""
    reasons: dict[str, int] = {}
    """`stage: error` and how many rows it failed; the rare ones are missing where there are very many."""
    texts_cut: int = 0
    """Rows whose text or negative text is longer than the encoder reads; marked `text_cut` in the metadata."""
    unmatched: int = 0
    """Pictures that show little of what their text asks for: `match` in the metadata is below 0.75."""
    rows_done_before: int = 0
    pictures_made: int = 0
    """In this run alone, without those of earlier ones."""
    seconds_start: float = 0.0
    """Until the first shard could start: planning and loading models."""
    seconds_run: float = 0.0
    """From there to the last shard's end."""
    seconds: dict[str, float] = {}
    """Of each stage, summed over shards; stages overlap, so the sum may exceed `seconds_run`."""
    price_per_hour: float | None = None
    estimated_seconds: float | None = None
    """What `imagemill estimate` said, where this run did all of the work alone."""
    device_seconds: float = 0.0
    """That devices worked in this run."""
    report: str | None = None

    def add(self, done: Outcome) -> None:
        """Counts a shard that this run did, or that another had completed before this one could."""
        if done.discarded:
            self.add_earlier(done)
            return
        self._count(done)
        self.pictures_made += done.pictures
        self.device_seconds += done.device_seconds
        self.seconds = _sum(self.seconds, done.seconds)

    def add_earlier(self, done: Outcome) -> None:
        """Counts a shard that was complete already, or that another worker completed."""
        self.rows_done_before += done.rows
        self._count(done)

    def _count(self, done: Outcome) -> None:
        self.pictures += done.pictures
        self.quarantined += done.quarantined
        self.texts_cut += done.texts_cut
        self.unmatched += done.unmatched
        self.failed_at = _sum(self.failed_at, done.failed)
        if len(self.reasons) < MOST_REASONS:
            self.reasons = _sum(self.reasons, done.reasons if self.tells_reasons else {})

    @property
    def pictures_a_second(self) -> float:
        return self.pictures_made / self.seconds_run if self.seconds_run else 0.0

    @property
    def seconds_in_all(self) -> float:
        return self.seconds_start + self.seconds_run

    @property
    def cost(self) -> float | None:
        """The money that this run has cost, without earlier ones."""
        return None if self.price_per_hour is None else self.price_per_hour * self.seconds_in_all / 3600

    @property
    def cost_a_thousand(self) -> float | None:
        """Money for a thousand pictures of this run."""
        return 1000 * self.cost / self.pictures_made if self.cost is not None and self.pictures_made else None

    @property
    def exit_code(self) -> int:
        return 3 if self.quarantined else 0

    def as_rows(self) -> list[tuple[str, str]]:
        rows = [
            ("rows", f"{self.rows:,}"),
            ("pictures", f"{self.pictures:,}"),
            ("quarantined", f"{self.quarantined:,}"),
        ]
        if self.files > 1 or self.files_left_out:
            rows.insert(0, ("files", f"{self.files:,}"))
        for reason, count in self.files_left_out.items():
            rows.insert(1, (f"files left out: {reason}", f"{count:,}"))
        if self.texts_cut:
            rows.append(("texts cut", f"{self.texts_cut:,}"))
        if self.unmatched:
            rows.append(("match below 0.75", f"{self.unmatched:,}"))
        if self.rows_done_before:
            rows.append(("rows done before", f"{self.rows_done_before:,}"))
        rows += [(f"seconds {stage}", f"{seconds:.1f}") for stage, seconds in self.seconds.items()]
        rows += [("seconds start", f"{self.seconds_start:.1f}"), ("seconds run", f"{self.seconds_run:.1f}")]
        rows.append(("pictures a second", f"{self.pictures_a_second:.1f}"))
        if self.cost is not None:
            rows.append(("cost", f"{self.cost:,.4f}"))
        if self.cost_a_thousand is not None:
            rows.append(("cost of 1,000 pictures", f"{self.cost_a_thousand:,.4f}"))
        if self.estimated_seconds:
            off = self.seconds_in_all / self.estimated_seconds - 1
            rows.append(
                ("estimate", f"{self.estimated_seconds:.1f} s; it took {abs(off):.0%} {'more' if off > 0 else 'less'}")
            )
        return rows

    def as_table(self) -> Table:
        table = Table(show_header=False, title=self.title, title_justify="left")
        table.add_column(style="bold")
        table.add_column(justify="right")
        for name, value in self.as_rows():
            table.add_row(name, value)
        return table

    def as_json(self) -> str:
        places = {name: f"{self.out}/{name}" for name in ("images", "metadata")}
        costs = {"cost": self.cost, "cost_a_thousand": self.cost_a_thousand}
        rate = {"pictures_a_second": round(self.pictures_a_second, 3)}
        return json.dumps({**self.model_dump(), **rate, **costs, **places})
