"""Arranges the boxes of a template in an area: how large each is, and where it stands."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from tasks.layout.bidi import direction_of
from tasks.layout.box import Box, Unfit
from tasks.layout.look import Look
from tasks.layout.template import BoxSpec, CopyArea
from tasks.layout.typeset import Block, Type, fit, last_that, try_fit

_GAP = 0.055  # between boxes, of the area's shorter side
_LOGO = 0.13  # geometric mean of its edges, of that of the file's
_PAD = (0.75, 0.45)  # of a button around its text, in ems: at the sides, above and below
_LEAST_TYPE = 0.012  # of the geometric mean of the file's edges: smaller type cannot be read where the file is shown


@dataclass(frozen=True)
class Placed:
    """A box of the stack where it stands: its text set in `ink` if it has one."""

    spec: BoxSpec
    box: Box
    block: Block | None = None
    ink: Box | None = None

    @property
    def name(self) -> str:
        return self.spec.copy_of or self.spec.kind


class Room:
    """What is the same for all boxes of a file.

    Args:
        where: the file, as a sentence names it, such as `300x250`.
        scale: of the largest type, below 1 where text may cover but a part of the file.
    """

    def __init__(self, look: Look, language: str, width: int, height: int, scale: float = 1.0) -> None:
        self.look = look
        self.language = language
        self.where = f"{width}x{height}"
        self.mean = math.sqrt(width * height)
        self.scale = scale
        self.smallest = max(look.smallest, round(_LEAST_TYPE * self.mean))

    def type_of(self, spec: BoxSpec) -> Type:
        fonts = self.look.bold if spec.bold else self.look.regular
        largest = max(self.smallest, round(spec.size * self.mean * self.scale))
        return Type(fonts, self.language, largest, self.smallest, spec.lines)


def arrange(area: Box, how: CopyArea, specs: Sequence[BoxSpec], copy: Mapping[str, str], room: Room) -> list[Placed]:
    """Sets the boxes that have content into an area, in their order.

    Raises:
        Unfit: a text does not fit, or one that is required is empty.
    """
    filled = [spec for spec in specs if _has_content(spec, copy, room)]
    if not filled:
        return []
    try:
        return _arranged(area, how, _groups(filled), copy, room)
    except Unfit:
        return _arranged(area, how, [[spec] for spec in filled], copy, room)


def _arranged(
    area: Box, how: CopyArea, groups: Sequence[Sequence[BoxSpec]], copy: Mapping[str, str], room: Room
) -> list[Placed]:
    """Sets groups of boxes that stand side by side one below the other, or all of them in a row."""
    row = how.flow == "row"
    gap = round(_GAP * min(area.width, area.height)) + (round(_GAP * area.height) if row else 0)
    length = (area.width if row else area.height) - gap * (len(groups) - 1)
    shares = [max(spec.share for spec in group) for group in groups]

    def sized(group: Sequence[BoxSpec], along: int) -> list[Placed]:
        width, height = (along, area.height) if row else (area.width, along)
        width = (width - gap * (len(group) - 1)) // len(group)
        return [_sized(spec, width, height, copy, room) for spec in group]

    made = [sized(group, int(length * share / sum(shares))) for group, share in zip(groups, shares, strict=True)]
    for i in sorted(range(len(groups)), key=lambda i: _eagerness(groups[i][0])):  # what is left over goes round
        others = sum(_along(group, row) for j, group in enumerate(made) if j != i)
        if groups[i][0].kind != "logo":
            made[i] = sized(groups[i], length - others)
    return _stacked(area, how, made, gap, direction_of(room.language) == "rtl")


def _groups(specs: Sequence[BoxSpec]) -> list[list[BoxSpec]]:
    """The boxes one after the other, those that stand side by side together."""
    groups: list[list[BoxSpec]] = []
    for spec in specs:
        if spec.beside and groups and groups[-1][0].kind in {"button", "badge"}:
            groups[-1].append(spec)
        else:
            groups.append([spec])
    return groups


def _eagerness(spec: BoxSpec) -> int:
    """Who comes first where boxes take what others leave."""
    return 0 if spec.kind in {"button", "badge"} else 1 if spec.grows else 2


def _has_content(spec: BoxSpec, copy: Mapping[str, str], room: Room) -> bool:
    if spec.kind == "logo":
        return bool(room.look.logos)
    if copy.get(spec.copy_of, "").strip():
        return True
    if spec.required:
        raise Unfit(f"{spec.copy_of} is empty in {room.language!r}, and there is no ad without it; fill it in.")
    return False


def _along(group: Sequence[Placed], row: bool) -> int:
    return max(item.box.width if row else item.box.height for item in group)


def _sized(spec: BoxSpec, width: int, height: int, copy: Mapping[str, str], room: Room) -> Placed:
    """The box at the origin, as large as its content at the largest size that fits."""
    if spec.kind == "logo":
        logo = room.look.logos[0].image
        return Placed(spec, Box(0, 0, *logo_size(logo, width, height, room.mean * room.scale)))
    kind, text = room.type_of(spec), copy[spec.copy_of].strip()
    if spec.kind == "text":
        block = fit(spec.copy_of, text, kind, width, height, room.where)
        return Placed(spec, Box(0, 0, block.width, block.height), block)
    size = last_that(
        lambda size: try_fit(text, *_within(kind, size, width, height)) is not None, kind.smallest, kind.largest
    )
    fixed, inner_width, inner_height = _within(kind, size, width, height)
    block = fit(spec.copy_of, text, fixed, inner_width, inner_height, room.where)
    return Placed(spec, Box(0, 0, block.width + width - inner_width, block.height + height - inner_height), block)


def _within(kind: Type, size: int, width: int, height: int) -> tuple[Type, int, int]:
    """Type of one size, and the room that the padding of a shape, which grows with the type, leaves it."""
    side, above = (round(2 * pad * size) for pad in _PAD)
    return kind._replace(largest=size, smallest=size), width - side, height - above


def logo_size(logo: Image.Image, width: int, height: int, mean: float) -> tuple[int, int]:
    """The size of a logo in a box of these pixels, of at most a share of the file."""
    scale = min(width / logo.width, height / logo.height, _LOGO * mean / math.sqrt(logo.width * logo.height))
    return max(1, int(logo.width * scale)), max(1, int(logo.height * scale))


def _stacked(area: Box, how: CopyArea, groups: Sequence[Sequence[Placed]], gap: int, mirrored: bool) -> list[Placed]:
    """The groups one after the other, the stack where the area wants it; from right to left if `mirrored`."""
    row = how.flow == "row"
    used = sum(_along(group, row) for group in groups) + gap * (len(groups) - 1)
    spare = (area.width if row else area.height) - used
    between = spare // (len(groups) - 1) if row and len(groups) > 1 else 0
    logo = any(item.spec.kind == "logo" for group in groups for item in group)
    apart = min(gap, spare) if logo and not row else 0  # the name of the brand stands a little apart
    spare -= apart
    pen = area.x if row else area.y + {"top": 0, "middle": spare // 2, "bottom": spare}[how.rest]
    placed = []
    for group in groups:
        width = sum(item.box.width for item in group) + gap * (len(group) - 1)
        height = max(item.box.height for item in group)
        x = pen if row else area.x + ((area.width - width) // 2 if how.align == "middle" else 0)
        y = area.y + (area.height - height) // 2 if row else pen
        for item in group:
            box = item.box._replace(x=x, y=y + (height - item.box.height) // 2)
            x += box.width + gap
            if mirrored:
                box = box._replace(x=area.x + area.right - box.right)
            placed.append(_with_ink(replace(item, box=box)))
        pen += (width if row else height) + gap + between
        if group[0].spec.kind == "logo":
            pen += apart
    return placed


def _with_ink(item: Placed) -> Placed:
    """The box with its text in its middle."""
    if item.block is None:
        return item
    x = item.box.x + (item.box.width - item.block.width) // 2
    y = item.box.y + (item.box.height - item.block.height) // 2
    return replace(item, ink=Box(x, y, item.block.width, item.block.height))
