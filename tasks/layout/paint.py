"""Paints scrim, logo, shapes and texts, each in a colour with the contrast that it needs."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from tasks.layout.arrange import Placed
from tasks.layout.box import Box, Unfit
from tasks.layout.contrast import LARGE, Colour, needed, reaches, to_hex, veiled, worst_contrast
from tasks.layout.contrast import contrast as colour_contrast
from tasks.layout.look import Look
from tasks.layout.sheet import Composed, Sheet
from tasks.layout.template import Template

_FEATHER = 0.16  # of the file's edge: how far a scrim fades out beyond the copy
_STRENGTHS = [step / 20 for step in range(1, 20)]
_SHAPE = 1.5  # contrast of a button with what is behind it, or another brand colour is taken


def paint(composed: Composed, area: Box, look: Look, sheet: Sheet, template: Template) -> None:
    """Paints everything but picture and panel, which are there; keeps how much each text and the logo stand out.

    Raises:
        Unfit: one of them cannot stand out.
    """
    canvas = composed.image
    plain = [item for item in composed.placed if item.spec.kind == "text"]
    ink_colour, composed.veil = _legible(composed, plain, area, look, sheet)
    behind = np.asarray(canvas)
    for item in composed.placed:
        if item.block is None:
            pixels = behind[item.box.slices]
            composed.contrasts[item.name] = _paste_logo(canvas, item, pixels, ink_colour, look, template)
            continue
        colour = ink_colour
        if item.spec.kind != "text":
            shape = _shape_colour(item, behind[item.box.slices], look)
            _round(canvas, item, shape)
            colour = look.text_on(shape)
        composed.texts.append((item, colour))
    composed.behind = np.asarray(canvas)
    for item, colour in composed.texts:
        composed.contrasts[item.name] = _checked(item, colour, composed.behind)
        assert item.block is not None and item.ink is not None
        start = "right" if item.block.type.direction == "rtl" else "left"
        middle = item.spec.kind != "text" or template.area.align == "middle"
        item.block.paint(canvas, item.ink, colour, "middle" if middle else start)


def _checked(item: Placed, colour: Colour, behind: np.ndarray) -> float:
    """The contrast of a text with the pixels that it is painted on. Raises Unfit if it is too little."""
    assert item.block is not None and item.ink is not None
    contrast, least = worst_contrast(colour, behind[item.ink.slices]), needed(item.block.size, item.spec.bold)
    if contrast < least:
        raise Unfit(
            f"{item.name}: {to_hex(colour)} has a contrast of {contrast:.1f} with what is behind it, and text of "
            f"{item.block.size} px needs {least}; change the brand's colours"
        )
    return round(contrast, 2)


def _legible(composed: Composed, texts: Sequence[Placed], area: Box, look: Look, sheet: Sheet) -> tuple[Colour, float]:
    """A colour for all texts that stand on the picture or panel, under the weakest scrim that makes it legible."""
    pixels = np.asarray(composed.image)
    inks = [
        (item.ink.grown(2).within(sheet.whole), needed(item.block.size, item.spec.bold))
        for item in texts
        if item.ink and item.block
    ]
    if not inks:
        return look.colours["light"], 0.0
    if composed.panel is not None:
        return look.text_on(composed.panel[1]), 0.0
    rated = sorted(
        look.text_colours, key=lambda c: -min(worst_contrast(c, pixels[ink.slices]) / least for ink, least in inks)
    )
    for colour in rated:
        if all(reaches(colour, pixels[ink.slices], least) for ink, least in inks):
            return colour, 0.0
    around = area
    mask = _scrim(around, sheet)
    options = []
    for colour, veil in ((look.colours["light"], look.colours["dark"]), (look.colours["dark"], look.colours["light"])):
        for strength in _STRENGTHS:
            made = [(veiled(pixels[ink.slices], veil, mask[ink.slices], strength), least) for ink, least in inks]
            if all(reaches(colour, part, least) for part, least in made):
                options.append((strength, veil, colour))
                break
    if not options:
        raise Unfit(
            f"neither {to_hex(look.colours['light'])} nor {to_hex(look.colours['dark'])} can reach a contrast of "
            f"{max(least for _, least in inks)} on this picture, even under a scrim; change the brand's light and dark"
        )
    strength, veil, colour = min(options)
    composed.image.paste(Image.fromarray(veiled(pixels, veil, mask, strength)))
    return colour, strength


def _scrim(area: Box, sheet: Sheet) -> np.ndarray:
    """Where a scrim lies (h, w) float32: whole on the area and out to the file's edges, fading towards the picture."""
    fade = _FEATHER * max(sheet.width, sheet.height)

    def ramp(length: int, low: int, high: int) -> np.ndarray:
        places = np.arange(length, dtype=np.float32)
        before, after = low > 0.25 * length, high < 0.75 * length
        distance = np.maximum((low - places) * before, (places - high + 1) * after)
        share = np.clip(1 - distance / fade, 0, 1)
        result: np.ndarray = share * share * (3 - 2 * share)
        return result

    return np.outer(ramp(sheet.height, area.y, area.bottom), ramp(sheet.width, area.x, area.right)).astype(np.float32)


def _paste_logo(
    canvas: Image.Image, item: Placed, pixels: np.ndarray, ink: Colour, look: Look, template: Template
) -> float:
    """Pastes the logo that is as light or dark as the text if that stands out, else the one that stands out most."""
    logos = sorted(look.logos, key=lambda logo: colour_contrast(logo.colour, ink))
    rated = [worst_contrast(logo.colour, pixels) for logo in logos]
    chosen = next((i for i, contrast in enumerate(rated) if contrast >= LARGE), int(np.argmax(rated)))
    contrast, colour = rated[chosen], logos[chosen].colour
    if contrast < LARGE:
        raise Unfit(
            f"logo: its colour {to_hex(colour)} has a contrast of {contrast:.1f} with what is behind it in template "
            f"{template.name!r}, and needs {LARGE}; give a light and a dark logo"
        )
    logo = logos[chosen].image.resize((item.box.width, item.box.height), Image.Resampling.LANCZOS)
    canvas.paste(logo, (item.box.x, item.box.y), logo)
    return round(contrast, 2)


def _shape_colour(item: Placed, pixels: np.ndarray, look: Look) -> Colour:
    """The colour of a button or badge: its own, or the first of the brand's that can be seen where it stands."""
    names = [item.spec.colour, "accent", "primary", "light", "dark"]
    colours = [look.colours[name] for name in names]
    return next((colour for colour in colours if worst_contrast(colour, pixels) >= _SHAPE), colours[0])


def _round(canvas: Image.Image, item: Placed, colour: Colour) -> None:
    """Paints a shape with smooth round corners."""
    box, times = item.box, 4
    mask = Image.new("L", (box.width * times, box.height * times))
    assert item.block is not None
    radius = (
        min(box.height // 2, item.block.size) * times if item.spec.kind == "button" else item.block.size * times // 3
    )
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius, 255)
    canvas.paste(colour, box.corners, mask.reduce(times))
