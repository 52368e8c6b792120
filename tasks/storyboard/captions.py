"""Texts set into boxes of a film frame or a printed page, cut where even the smallest type does not fit."""

import regex
from PIL import Image

from tasks.layout.box import Box
from tasks.layout.fonts import FontFile, find_font
from tasks.layout.typeset import Block, Type, last_that, try_fit
from tasks.runfolder.errors import BadInput

Colour = tuple[int, int, int]
USUAL = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc#2")
"""Fonts of which those that are installed are used if none is named; each for the characters that others lack."""


def find_typeface(names: list[str]) -> tuple[FontFile, ...]:
    """The fonts by name, or of the usual ones those that are installed.

    Raises:
        BadInput: one of the named is not there, or none of the usual.
    """
    from pathlib import Path

    found = []
    for name in names or USUAL:
        try:
            found.append(find_font(name, Path()))
        except ValueError as error:
            if names:
                raise BadInput(f"--font: {error}") from error
    if not found:
        raise BadInput(
            f"none of the fonts {', '.join(USUAL)} is installed; give --font FILE, or --no-pdf and --animatic none."
        )
    return tuple(found)


def put(
    canvas: Image.Image, text: str, box: Box, typeface: tuple[FontFile, ...], language: str, size: int,
    colour: Colour = (30, 30, 30), middle: bool = False,
) -> int:  # fmt: skip
    """Paints a text at the top of a box, at a size in pixels or down to 3/4 of it, cut with an ellipsis; its height."""
    text = " ".join(text.split())
    if not text or box.height < size:
        return 0
    kind = Type(typeface, language, size, max(7, size * 3 // 4))
    block = try_fit(text, kind, box.width, box.height) or _shortened(text, kind, box)
    if block is None:
        return 0
    top = box.y + (box.height - block.height) // 2 if middle else box.y
    place = Box(box.x, top, box.width, block.height)
    block.paint(canvas, place, colour, "middle" if middle else "left")
    return block.height


def _shortened(text: str, kind: Type, box: Box) -> Block | None:
    clusters = regex.findall(r"\X", text)

    def cut(count: int) -> Block | None:
        return try_fit("".join(clusters[:count]).rstrip() + "…", kind, box.width, box.height)

    return cut(last_that(lambda count: cut(count) is not None, 1, len(clusters)))
