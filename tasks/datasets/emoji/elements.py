"""Draws the parts of a scene that no emoji shows: skylines, ranges, rows of pines, stars, rain and snow.

Each is one sprite that the layout stretches over the whole width, its lower edge where it stands.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

EDGE = 512  # drawn four times as large, for smooth edges


def _canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGBA", (EDGE, EDGE), (255, 255, 255, 0))
    return picture, ImageDraw.Draw(picture)


def _range(rng: np.random.Generator) -> Image.Image:
    """Two rows of peaks, the nearer ones with a lit side, a shaded side and a snow cap."""
    picture, pen = _canvas()
    for x in range(-40, EDGE + 80, 105):
        top = EDGE * 0.60 + rng.uniform(-36, 36)
        pen.polygon([(x - 120, EDGE), (x, top), (x + 120, EDGE)], fill=(150, 172, 200, 255))
    for x in range(20, EDGE + 60, 150):
        middle, half = x + rng.uniform(-26, 26), rng.uniform(125, 160)
        top = EDGE * 0.44 + rng.uniform(-34, 40)
        ridge = middle + rng.uniform(-10, 16)
        pen.polygon([(middle - half, EDGE), (middle, top), (middle + half, EDGE)], fill=(122, 136, 164, 255))
        pen.polygon([(ridge, EDGE), (middle, top), (middle + half, EDGE)], fill=(94, 106, 138, 255))
        cap = (EDGE - top) * rng.uniform(0.28, 0.36)
        slope = half / (EDGE - top)
        teeth = [
            (middle - cap * slope + k * cap * slope / 2, top + cap * (1.0 if k % 2 == 0 else 0.72)) for k in range(5)
        ]
        pen.polygon([(middle, top), *teeth], fill=(250, 252, 255, 255))
        pen.polygon([(middle, top), *teeth[2:]], fill=(218, 228, 244, 255))
    return picture


def _skyline(rng: np.random.Generator, night: bool) -> Image.Image:
    picture, pen = _canvas()
    far = (126, 150, 186, 255) if not night else (64, 70, 122, 255)
    x = -10.0
    while x < EDGE:
        width = rng.uniform(34, 58)
        pen.rectangle([x, EDGE * 0.55 + rng.uniform(-56, 50), x + width, EDGE], fill=far)
        x += width
    walls = [(92, 118, 170), (112, 128, 160), (80, 104, 150), (134, 140, 164), (104, 110, 150)]
    x = -20.0
    while x < EDGE:
        width, top = rng.uniform(54, 84), EDGE * 0.64 + rng.uniform(-84, 66)
        wall = np.asarray(walls[rng.integers(len(walls))]) * (0.55 if night else 1.0)
        pen.rectangle([x, top, x + width, EDGE], fill=(*(int(c) for c in wall), 255))
        pen.rectangle([x + width * 0.72, top, x + width, EDGE], fill=(*(int(c * 0.86) for c in wall), 255))
        if rng.random() < 0.35:
            pen.rectangle([x + width * 0.46, top - 34, x + width * 0.52, top], fill=(*(int(c) for c in wall), 255))
        for row in np.arange(top + 12, EDGE - 12, 24):
            for column in np.arange(x + 9, x + width - 14, 19):
                lit = rng.random() < (0.62 if night else 0.2)
                glass = (255, 224, 130) if lit else ((52, 58, 96) if night else (186, 214, 242))
                pen.rectangle([column, row, column + 10, row + 13], fill=(*glass, 255))
        x += width + rng.uniform(-6, 12)
    return picture


def _pines(rng: np.random.Generator) -> Image.Image:
    """A dense edge of a wood: the far row paler."""
    picture, pen = _canvas()
    for row, (low, tint) in enumerate((((0.50, 0.62), (96, 146, 126)), ((0.60, 0.74), (54, 112, 78)))):
        for x in np.arange(-20, EDGE + 40, 38 - 4 * row):
            middle, top, half = x + rng.uniform(-12, 12), EDGE * rng.uniform(*low), rng.uniform(30, 42)
            shade = tuple(int(c * rng.uniform(0.92, 1.06)) for c in tint)
            for tier in range(4):
                upper = top + (EDGE - top) * tier * 0.17
                lower = upper + (EDGE - top) * 0.34 if tier < 3 else EDGE
                reach = half * (0.45 + 0.19 * tier)
                pen.polygon([(middle - reach, lower), (middle, upper), (middle + reach, lower)], fill=(*shade, 255))
    return picture


def _stars(rng: np.random.Generator) -> Image.Image:
    picture, pen = _canvas()
    for _ in range(70):
        x, y, size = (
            rng.uniform(0, EDGE),
            EDGE * rng.uniform(0, 0.60) ** 1.15,
            rng.choice([3.2, 4.2, 6.5], p=[0.5, 0.35, 0.15]),
        )
        fill = (255, 246, 214, int(rng.uniform(170, 255)))
        if size > 6:
            points = [(0, -10), (2, -2), (10, 0), (2, 2), (0, 10), (-2, 2), (-10, 0), (-2, -2)]
            pen.polygon([(x + a * 1.15, y + b * 1.15) for a, b in points], fill=fill)
        else:
            pen.ellipse([x - size, y - size, x + size, y + size], fill=fill)
    return picture


def _rain(rng: np.random.Generator) -> Image.Image:
    picture, pen = _canvas()
    for row in range(9):
        for column in range(8):
            x, y = (column + rng.uniform(0.1, 0.9)) * EDGE / 8, (row + rng.uniform(0.1, 0.9)) * EDGE / 9
            length = rng.uniform(26, 44)
            pen.line(
                [(x, y), (x - length * 0.28, y + length)], fill=(214, 232, 255, int(rng.uniform(120, 205))), width=5
            )
    return picture


def _snow(rng: np.random.Generator) -> Image.Image:
    picture, pen = _canvas()
    for row in range(9):
        for column in range(9):
            x, y = (column + rng.uniform(0.05, 0.95)) * EDGE / 9, (row + rng.uniform(0.05, 0.95)) * EDGE / 9
            size = rng.choice([4.0, 6.0, 9.0], p=[0.4, 0.4, 0.2])
            pen.ellipse([x - size, y - size, x + size, y + size], fill=(255, 255, 255, int(rng.uniform(200, 255))))
    return picture.filter(ImageFilter.GaussianBlur(1.0))


ELEMENTS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "range-1": _range,
    "range-2": _range,
    "skyline-1": lambda rng: _skyline(rng, night=False),
    "skyline-2": lambda rng: _skyline(rng, night=False),
    "skyline-night-1": lambda rng: _skyline(rng, night=True),
    "skyline-night-2": lambda rng: _skyline(rng, night=True),
    "pines-1": _pines,
    "pines-2": _pines,
    "stars": _stars,
    "rain": _rain,
    "snow": _snow,
}


def draw_element(name: str) -> Image.Image:
    """The element of that name, RGBA, 512 pixels a side; the same every time."""
    return ELEMENTS[name](np.random.default_rng(sum(name.encode())))
