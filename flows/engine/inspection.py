"""Inspect: what a run folder holds, what is missing, and why rows failed."""

from collections import Counter
from itertools import islice

from pydantic import BaseModel

from tasks.runfolder.completed import complete_shards, read_outcomes, shard_names
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filenames import DIGITS, shard_name
from tasks.runfolder.record import read_record
from tasks.runfolder.storage import Storage
from tasks.runfolder.tables import read_quarantine


class Inspection(BaseModel):
    """The state of a run folder."""

    out: str
    rows: int
    pictures: int
    quarantined: int
    rows_missing: int
    shards: int
    shards_complete: int
    shards_missing: list[str]
    """The first hundred."""
    reasons: dict[str, int]
    """`stage: error` and how many rows it failed, most frequent first."""
    generator: str
    encoder: str | None
    seconds: dict[str, float]

    @property
    def exit_code(self) -> int:
        if self.shards_complete < self.shards:
            return 1
        return 3 if self.quarantined else 0

    def lines(self) -> list[str]:
        lines = [
            f"{self.out}",
            f"made with {self.generator}" + (f" and {self.encoder}" if self.encoder else ""),
            f"{self.rows:,} rows: {self.pictures:,} pictures, {self.quarantined:,} quarantined, "
            f"{self.rows_missing:,} still to do",
            f"{self.shards:,} shards: {self.shards_complete:,} complete",
        ]
        if self.shards_missing:
            lines.append(f"missing shards: {', '.join(self.shards_missing[:10])}" + (" ..." * (self.rows_missing > 0)))
            lines.append("run the same command again to do them")
        lines += [f"{count:,} x {reason}" for reason, count in self.reasons.items()]
        return lines


def inspect_run(url: str) -> Inspection:
    """Reads the state of a run folder.

    Raises:
        BadInput: there is no run in it.
    """
    out = Storage(url)
    record = read_record(out)
    if record is None:
        raise BadInput(f"{out.url()}: there is no run here (no run.json); check the path.")
    done = complete_shards(out)
    outcomes = list(read_outcomes(out, done))
    reasons: Counter[str] = Counter()
    for shard in sorted(done & shard_names(out, "quarantine")):
        table = read_quarantine(out, shard)
        reasons.update(f"{row['stage']}: {row['error']}" for row in table.select(["stage", "error"]).to_pylist())
    seconds: Counter[str] = Counter()
    for outcome in outcomes:
        seconds.update(outcome.seconds)
    names = (shard_name(index, record.get("name_digits", DIGITS)) for index in range(record["shards"]))
    return Inspection(
        out=out.url(),
        rows=record["input"]["rows"],
        pictures=sum(outcome.pictures for outcome in outcomes),
        quarantined=sum(outcome.quarantined for outcome in outcomes),
        rows_missing=record["input"]["rows"] - sum(outcome.rows for outcome in outcomes),
        shards=record["shards"],
        shards_complete=len(done),
        shards_missing=list(islice((name for name in names if name not in done), 100)),
        reasons=dict(reasons.most_common()),
        generator=record["generator"]["name"],
        encoder=record["encoder"] and record["encoder"]["name"],
        seconds=dict(seconds),
    )
