"""Type: a text broken into balanced lines at the largest size that fits a box, and painted.

Sizes are in pixels, an em each. Measured and painted by Pillow with raqm, which shapes the letters and orders them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import regex
from PIL import Image, ImageDraw

from tasks.layout.bidi import Direction, direction_of, visual_runs
from tasks.layout.box import Box, Unfit
from tasks.layout.fonts import FontFile, missing
from tasks.layout.line_breaks import SOFT_HYPHEN, pieces, smaller_pieces

LEADING = 1.22  # from baseline to baseline, in ems
_BALANCING = 7  # halvings of the width
_WORTH = 0.72  # of its size that a text gives up for lines that end where its clauses do
_ENDS_CLAUSE = regex.compile(r"(\p{Po}|\p{Pd}|\n)\p{Pe}*\s*$")
_CLUSTER = regex.compile(r"\X")


class Type(NamedTuple):
    """How a text is to be set: its fonts, its language, the largest and smallest size and the most lines."""

    typeface: tuple[FontFile, ...]
    language: str
    largest: int
    smallest: int
    lines: int = 99

    @property
    def direction(self) -> Direction:
        return direction_of(self.language)


@dataclass(frozen=True)
class Block:
    """A text that fits: its lines at a size, and the extent of their ink."""

    lines: tuple[str, ...]
    size: int
    width: int
    height: int
    top: int
    """From the first line's ascender down to where its ink begins."""
    type: Type

    def paint(self, picture: Image.Image, box: Box, colour: tuple[int, int, int], align: str) -> None:
        """Paints it at the top of a box; `align` is left, right or middle."""
        draw = ImageDraw.Draw(picture)
        for number, line in enumerate(self.lines):
            room = box.width - _width(line, self.type, self.size)
            overhang = _measured(line, self.type.typeface, self.type.language, self.size)[0]
            x = box.x + {"left": 0.0, "right": room, "middle": room / 2}[align] - overhang
            y = box.y - self.top + number * _leading(self.size)
            for font, text, direction in visual_runs(line, self.type.typeface, self.type.direction):
                loaded = font.at(self.size)
                options: dict[str, Any] = {"direction": direction, "language": self.type.language}
                draw.text(
                    (x, y + self.size), text, fill=colour, font=loaded, anchor="ls", embedded_color=True, **options
                )
                x += loaded.getlength(text, **options)


def fit(name: str, text: str, kind: Type, width: int, height: int, where: str) -> Block:
    """Sets a text into a box of these pixels: as large as it goes, in balanced lines.

    Args:
        name: what the text is, such as `headline`; `where`: what it is on, such as `300x250`.

    Raises:
        Unfit: a character is in no font, or the text is too long at the smallest size.
    """
    lacking = missing(text, kind.typeface)
    if lacking:
        codes = " ".join(f"U+{ord(character):04X}" for character in lacking)
        raise Unfit(f"{name} {_told(text)}: no font of the brand kit has {lacking!r} ({codes}); add one that has it.")
    block = try_fit(text, kind, width, height)
    if block is not None:
        return block
    clusters = _CLUSTER.findall(text)

    def fits(count: int) -> bool:
        return _largest(smaller_pieces("".join(clusters[:count]), kind.language), kind, width, height) is not None

    over = len(clusters) - last_that(fits, 0, len(clusters) - 1)
    plural = "s" if over > 1 else ""
    raise Unfit(
        f"{name} {_told(text)} does not fit {where} at {kind.smallest} px; shorten it by about {over} character{plural}"
    )


def try_fit(text: str, kind: Type, width: int, height: int) -> Block | None:
    """The text set into a box of these pixels, as `fit` does, or None if it does not fit."""
    block = _largest(pieces(text, kind.language), kind, width, height)
    if block is None:
        return _largest(smaller_pieces(text, kind.language), kind, width, height)
    if len(block.lines) == 1:
        return block
    clauses = _largest(_clauses(text, kind.language), kind, width, height)
    return clauses if clauses is not None and clauses.size >= _WORTH * block.size else block


def last_that(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The largest number from low to high for which something holds that holds for all smaller ones; low if none."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _clauses(text: str, language: str) -> list[str]:
    """The text cut after punctuation alone."""
    clauses = [""]
    for piece in pieces(text, language):
        if _ENDS_CLAUSE.search(clauses[-1]):
            clauses.append("")
        clauses[-1] += piece
    return clauses


def _told(text: str) -> str:
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}..."'


def _largest(parts: Sequence[str], kind: Type, width: int, height: int) -> Block | None:
    """The text at the largest size at which it fits, or None."""
    if not parts:
        return Block((), kind.smallest, 0, 0, 0, kind)

    def fits(size: int) -> bool:
        return _set(parts, kind, size, width, height) is not None

    if not fits(kind.smallest):
        return None
    size = last_that(fits, kind.smallest, max(kind.smallest, kind.largest))
    block = _set(parts, kind, size, width, height)
    while block is None and size > kind.smallest:  # whole lines are some pixels wider than the sum of their parts
        size -= 1
        block = _set(parts, kind, size, width, height)
    return block and _balanced(block, parts, width, height)


def _balanced(block: Block, parts: Sequence[str], width: int, height: int) -> Block:
    """The same lines, as even as they get."""
    if len(block.lines) < 2:
        return block
    low, high = block.width // 2, width
    for _ in range(_BALANCING):
        middle = (low + high) // 2
        narrower = _set(parts, block.type, block.size, middle, height)
        if narrower is not None and len(narrower.lines) == len(block.lines):
            block, high = narrower, middle
        else:
            low = middle
    return block


def _set(parts: Sequence[str], kind: Type, size: int, width: int, height: int) -> Block | None:
    """The text in lines as full as they get, or None if it does not fit."""
    lines: list[str] = []
    line = ""
    for part in parts:
        if (line and _width(line + part, kind, size) > width) or line.endswith("\n"):
            lines.append(line)
            line = ""
        line += part
    lines.append(line)
    if len(lines) > kind.lines or (len(lines) - 1) * _leading(size) > height:
        return None
    shown = [_shown(line) for line in lines]
    if any(_width(line, kind, size) > width for line in shown):
        return None
    top, bottom = _ink(shown[0], kind, size)[0], _ink(shown[-1], kind, size)[1]
    tall = (len(lines) - 1) * _leading(size) + bottom - top
    if tall > height:
        return None
    return Block(tuple(shown), size, max(_width(line, kind, size) for line in shown), tall, top, kind)


def _shown(line: str) -> str:
    """A line as it is painted: a soft hyphen shows at its end alone."""
    line = line.rstrip()
    hyphen = "-" if line.endswith(SOFT_HYPHEN) else ""
    return line.replace(SOFT_HYPHEN, "") + hyphen


def _leading(size: int) -> int:
    return round(size * LEADING)


def _width(line: str, kind: Type, size: int) -> int:
    """Pixels from the leftmost to the rightmost of its ink, or of where the pen begins and ends."""
    left, right, _, _ = _measured(_shown(line), kind.typeface, kind.language, size)
    return right - left


def _ink(line: str, kind: Type, size: int) -> tuple[int, int]:
    """How far below the ascender (an em above the baseline) the ink begins and ends, in pixels."""
    return _measured(line, kind.typeface, kind.language, size)[2:]


@lru_cache(maxsize=65_536)
def _measured(line: str, typeface: tuple[FontFile, ...], language: str, size: int) -> tuple[int, int, int, int]:
    """The extent of a line's ink and pen: left and right of where the pen begins, top and bottom below the ascender."""
    pen, left, right, top, bottom = 0.0, 0.0, 0.0, size, 0
    for font, text, direction in visual_runs(line, typeface, direction_of(language)):
        loaded = font.at(size)
        ink = loaded.getbbox(text, direction=direction, language=language, anchor="ls")
        left, right = min(left, pen + ink[0]), max(right, pen + ink[2])
        pen += loaded.getlength(text, direction=direction, language=language)
        top, bottom = min(top, size + int(ink[1])), max(bottom, size + int(ink[3]))
    return math.floor(left), math.ceil(max(right, pen)), top, bottom
