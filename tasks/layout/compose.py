"""Composes a file: picture, panel or scrim, logo and copy, by a template."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PIL import Image

from tasks.layout.arrange import Placed, Room, arrange
from tasks.layout.bidi import direction_of
from tasks.layout.box import Box, Unfit
from tasks.layout.look import Look
from tasks.layout.paint import paint
from tasks.layout.place import choose, mirrored, picture_box
from tasks.layout.saliency import Attention
from tasks.layout.sheet import Composed, Sheet
from tasks.layout.template import BoxSpec, CopyArea, Template
from tasks.layout.typeset import Type, try_fit

_SCALES = (1.0, 0.85, 0.7, 0.55, 0.42)
_MARK = BoxSpec(kind="badge", copy_of="mark", share=1.0, colour="dark")
_MARK_SHARE = 0.05  # of the file's shorter side, at least
_BARE = Template(name="bare", ratio=(0, 100), picture="whole", area=CopyArea(), boxes=[])
"""Where a platform wants neither text nor logo on the picture."""


def compose(
    picture: Image.Image,
    attention: Attention,
    templates: Sequence[Template],
    sheet: Sheet,
    copy: Mapping[str, str],
    look: Look,
    language: str,
) -> Composed:
    """Lays out a file by the first template that works for it.

    Raises:
        Unfit: none does; the sentence is that of the last one that is for its ratio.
    """
    reason = f"no template is for {sheet.width}x{sheet.height}; add one whose ratio includes it"
    for template in templates if sheet.text_share else [_BARE]:
        if not template.suits(sheet.width, sheet.height):
            continue
        try:
            return _at_most(sheet.text_share, template, picture, attention, sheet, copy, look, language)
        except Unfit as error:
            reason = str(error)
    raise Unfit(reason)


def _at_most(
    share: float,
    template: Template,
    picture: Image.Image,
    attention: Attention,
    sheet: Sheet,
    copy: Mapping[str, str],
    look: Look,
    language: str,
) -> Composed:
    """Lays out a file by a template, with type so small that text covers no more than a share of the file."""
    for scale in _SCALES:
        room = Room(look, language, sheet.width, sheet.height, scale)
        composed = _by(template, picture, attention, sheet, copy, room)
        if composed.text_share <= share:
            return composed
    raise Unfit(f"text covers {composed.text_share:.0%} of {room.where}, which takes {share:.0%}; shorten it")


def _by(
    template: Template, picture: Image.Image, attention: Attention, sheet: Sheet, copy: Mapping[str, str], room: Room
) -> Composed:
    rtl = direction_of(room.language) == "rtl"
    marks: list[Placed] = []
    if sheet.mark:
        mark = _marked(sheet, room)
        marks = [mark]
        sheet = replace(sheet, safe=sheet.safe._replace(height=mark.box.y - sheet.safe.y - mark.box.height // 3))
    filled = mirrored(picture_box(template, sheet), sheet, rtl)
    crop, area = choose(template, picture, attention, sheet, filled, rtl)
    placed = arrange(area, template.area, template.boxes, copy, room)
    panel = room.look.colours[template.panel]
    canvas = Image.new("RGB", (sheet.width, sheet.height), panel)
    canvas.paste(crop.cut(picture), (filled.x, filled.y))
    composed = Composed(canvas, template.name, [*placed, *marks], crop.onto(attention.subject))
    if template.picture != "whole":
        composed.panel = (area, panel)
    composed.text_share = sum(item.ink.area for item in placed if item.ink) / sheet.whole.area
    paint(composed, area, room.look, sheet, template)
    return composed


def _marked(sheet: Sheet, room: Room) -> Placed:
    """The mark at the bottom of the safe area, where lines end; its letters a share of the shorter side high."""
    least = -(-min(sheet.width, sheet.height) * _MARK_SHARE // 1)
    for size in range(max(6, int(least)), sheet.height):
        kind = Type(room.look.regular, room.language, size, size, 1)
        block = try_fit(sheet.mark, kind, sheet.safe.width, sheet.safe.height)
        if block is None:
            break
        if block.height >= least:
            pad = max(1, size // 4)
            box = Box(0, sheet.safe.bottom - block.height - 2 * pad, block.width + 2 * pad, block.height + 2 * pad)
            x = sheet.safe.x if kind.direction == "rtl" else sheet.safe.right - box.width
            if box.width > sheet.safe.width:
                break
            box = box._replace(x=x)
            return Placed(_MARK, box, block, box.grown(-pad))
    raise Unfit(f"the mark {sheet.mark!r} does not fit {room.where} at {least:.0f} px, a twentieth of its shorter side")
