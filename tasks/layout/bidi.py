"""The runs of a line in the order in which they stand on it, for text in several fonts and directions (UAX #9)."""

from collections.abc import Iterator
from itertools import groupby
from typing import Literal
from unicodedata import bidirectional

from bidi import algorithm

from tasks.layout.fonts import FontFile, Typeface, by_font

Direction = Literal["ltr", "rtl"]
_RIGHT_TO_LEFT = {"ar", "he", "fa", "ur", "ps", "yi", "dv", "ug", "sd", "ckb", "iw"}


def direction_of(language: str) -> Direction:
    """In which direction a language is written, by its BCP 47 tag."""
    return "rtl" if language.lower().split("-")[0] in _RIGHT_TO_LEFT else "ltr"


def visual_runs(line: str, typeface: Typeface, direction: Direction) -> list[tuple[FontFile, str, Direction]]:
    """The runs of a line from left to right, each in one font and direction.

    If one font has all of it, that is the whole line, which raqm puts in order itself.
    """
    whole = next((font for font in typeface if font.has(line)), None)
    if whole is not None:
        return [(whole, line, direction)]
    runs: list[tuple[int, FontFile, str]] = []
    for level, text in _levels(line, direction):
        runs += [(level, font, part) for font, part in by_font(text, typeface)]
    return [(font, text, "rtl" if level % 2 else "ltr") for level, font, text in _in_visual_order(runs)]


def _levels(line: str, direction: Direction) -> Iterator[tuple[int, str]]:
    """Stretches of one embedding level, in the order of the text."""
    storage = algorithm.get_empty_storage()
    base = 1 if direction == "rtl" else 0
    storage["base_level"], storage["base_dir"] = base, "LR"[base]
    algorithm.get_embedding_levels(line, storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    kept = iter(storage["chars"])
    levels, level = [], base
    for character in line:  # what joins characters has no level of its own, and must not get lost
        if bidirectional(character) not in algorithm.X9_REMOVED:
            level = int(next(kept)["level"])
        levels.append((level, character))
    for level, group in groupby(levels, lambda pair: pair[0]):
        yield level, "".join(character for _, character in group)


def _in_visual_order(runs: list[tuple[int, FontFile, str]]) -> list[tuple[int, FontFile, str]]:
    """Rule L2: from the highest level down to the lowest odd one, every stretch of that level or more is reversed."""
    ordered = list(runs)
    highest = max((level for level, _, _ in ordered), default=0)
    for limit in range(highest, 0, -1):
        start = 0
        while start < len(ordered):
            end = start
            while end < len(ordered) and ordered[end][0] >= limit:
                end += 1
            ordered[start:end] = reversed(ordered[start:end])
            start = max(end, start + 1)
    return ordered
