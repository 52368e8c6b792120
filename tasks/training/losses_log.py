"""`losses.csv`: a header (`step` and one column a loss), then a row for each checkpoint."""

import csv
from collections.abc import Sequence
from pathlib import Path


def log_losses(path: Path, step: int, losses: Sequence[dict[str, float]]) -> None:
    """Adds the row of a checkpoint: the mean of each loss over the steps since the one before it.

    A loss that none of those steps had leaves its cell empty. Rows from `step` on are taken out first: a killed
    training has written them, and takes those steps again.
    """
    rows = [row for row in _read(path) if int(row["step"]) < step]
    names = list(dict.fromkeys(name for each in losses for name in each))
    rows.append({"step": str(step), **{name: f"{_mean(losses, name):.5f}" for name in names}})
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)


def _read(path: Path) -> list[dict[str, str]]:
    """The rows so far. A log without a header, of an earlier version, is set aside as `losses-before.csv`."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if "step" in (reader.fieldnames or ()):
            return list(reader)
    path.rename(path.with_name("losses-before.csv"))
    return []


def _mean(losses: Sequence[dict[str, float]], name: str) -> float:
    values = [each[name] for each in losses if name in each]
    return sum(values) / len(values)
