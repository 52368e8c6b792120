"""What an evaluation writes to read: its questions as CSV, and one table of all generators."""

import csv
from collections.abc import Sequence
from pathlib import Path

from tasks.evaluation.questions import Named, Scene


def write_asked(path: Path, names: Sequence[Named], scenes: Sequence[Scene]) -> None:
    """Writes the questions and their answers as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "text", "right"])
        writer.writerows([q.group, q.text, " ".join(sorted(q.right))] for q in names)
        for q in scenes:
            things = [f"{colour} {concept}" if colour else concept for concept, colour in q.things]
            writer.writerow(["scene", q.text, ", ".join([*things, *(word for word in (q.place, q.sky) if word)])])


def table(figures: dict[str, dict[str, float]]) -> str:
    """A Markdown table: a line a figure, a column a generator."""
    rows = list(dict.fromkeys(name for column in figures.values() for name in column))
    lines = [f"| | {' | '.join(figures)} |", f"|---|{'---:|' * len(figures)}"]
    for name in rows:
        lines.append(f"| {name} | {' | '.join(_cell(name, column.get(name)) for column in figures.values())} |")
    return "\n".join(lines) + "\n"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    share = name.startswith(("exact", "paraphrases", "composition"))
    return f"{value:.1%}" if share else f"{value:.0f}" if name == "pixels" else f"{value:.2f}"


def notes(steps: int, names: int, scenes: int) -> str:
    """Explains the figures.

    Args:
        steps: that the judge was trained for.
        names: questions in each group of names.
        scenes: questions about scenes.
    """
    return (
        f"Told by the judge ({steps} steps, shown no text) from {names} pictures a group of names "
        f"and {scenes} of held-out sentences. The first column is the judge on the data set's own pictures: its "
        "worth, and the ceiling of the others. Exact names were seen in training, paraphrases never; a name that two "
        "concepts share is right with either. Of a scene each attribute is asked by itself: an object that the judge "
        "finds anywhere, anything in the colour, as many things as the sentence names. `distance`: Fréchet distance "
        "between the judge's views (384 numbers a picture) of generated and real pictures of the same sentences, for "
        "the data set between two halves of it; it compares generators, and with no FID of other networks. `variety`: "
        "how much pictures of one sentence differ from seed to seed, as a share of how much those of different "
        "sentences do.\n"
    )
