"""Where the picture of a template goes, which part of it, and where that leaves the copy."""

from PIL import Image

from tasks.layout.box import Box, Side, Unfit
from tasks.layout.crop import Crop, crop_for
from tasks.layout.saliency import Attention
from tasks.layout.sheet import Sheet
from tasks.layout.template import Template

_OPPOSITE: dict[str, Side] = {"start": "end", "end": "start", "top": "bottom", "bottom": "top"}
_CALM, _CALM_EVERYWHERE = 0.33, 0.6  # of `Attention.busy` and `busiest`
_INSET = 0.07  # of a panel's shorter side, around the copy


def picture_box(template: Template, sheet: Sheet) -> Box:
    if template.picture == "whole":
        return sheet.whole
    sideways = template.picture in {"start", "end"}
    width, height = (template.picture_share, 1.0) if sideways else (1.0, template.picture_share)
    return sheet.whole.part(template.picture, width, height)


def mirrored(box: Box, sheet: Sheet, rtl: bool) -> Box:
    return box.mirrored(sheet.width) if rtl else box


def choose(
    template: Template, picture: Image.Image, attention: Attention, sheet: Sheet, filled: Box, rtl: bool
) -> tuple[Crop, Box]:
    """The crop of the picture, and the area for the copy: beside the picture, or where it is calm."""
    size, subject, has_copy = picture.size, attention.subject, bool(template.boxes)
    if template.picture != "whole" or not has_copy:
        panel = mirrored(_beside(template, sheet), sheet, rtl) if has_copy else sheet.safe
        inset = round(_INSET * min(panel.width, panel.height))
        return crop_for(size, filled, subject, filled), panel.grown(-inset).within(sheet.safe)
    safe = mirrored(sheet.safe, sheet, rtl)
    options: list[tuple[float, int, Crop, Box]] = []
    for side in template.area.sides:
        sideways = side in {"start", "end"}
        width, height = (template.area.width, 1.0) if sideways else (1.0, template.area.height)
        area = mirrored(safe.part(side, width, height), sheet, rtl)
        region = mirrored(_rest(safe.part(side, width, height), side, sheet), sheet, rtl)
        crop = crop_for(size, filled, subject, region)
        seen = crop.onto(subject)
        whole = seen.area >= 0.85 * min(subject.area * crop.scale**2, filled.area)
        if whole and not area.shared(seen):
            options.append((attention.busy(crop.source(area)), len(options), crop, area))
    if not options:
        raise Unfit("the subject of the picture leaves no room for the copy; give a picture with more around it")
    busy, _, crop, area = min(options)
    if busy > _CALM or attention.busiest(crop.source(area)) > _CALM_EVERYWHERE:
        raise Unfit("the picture is too busy for copy on it; give a calmer one")
    return crop, area


def _beside(template: Template, sheet: Sheet) -> Box:
    """The panel: what the picture leaves of the file."""
    sideways = template.picture in {"start", "end"}
    rest = 1 - template.picture_share
    side = _OPPOSITE[template.picture]
    return sheet.whole.part(side, rest if sideways else 1.0, 1.0 if sideways else rest)


def _rest(area: Box, side: str, sheet: Sheet) -> Box:
    """What an area at a side leaves of the file."""
    if side == "start":
        return Box(area.right, 0, sheet.width - area.right, sheet.height)
    if side == "end":
        return Box(0, 0, area.x, sheet.height)
    if side == "top":
        return Box(0, area.bottom, sheet.width, sheet.height - area.bottom)
    return Box(0, 0, sheet.width, area.y)
