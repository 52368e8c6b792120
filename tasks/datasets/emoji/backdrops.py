"""Draws the backdrop of a training picture: a sky and a place, both smooth, everything small being a sprite.

Coordinates are fractions of the picture, x to the right and y down. Edges are anti-aliased by drawing each shape's
coverage as a ramp one pixel wide. What varies from picture to picture (hills, colours, shore) varies by a few numbers,
so that a small latent can carry it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]

SKIES = ("sunny", "sunset", "night", "rain", "snow", "cloud")
PLACES = ("beach", "sea", "meadow", "forest", "mountain", "city", "desert", "snowfield")
PLAIN = "plain"  # neither a place nor a sky: the clean ground behind a single object

# Sky colours: at the zenith and at the horizon.
_SKY = {
    "sunny": ((64, 150, 238), (196, 230, 255)),
    "sunset": ((92, 72, 150), (255, 172, 104)),
    "night": ((12, 18, 52), (58, 66, 128)),
    "rain": ((98, 112, 132), (168, 180, 194)),
    "snow": ((168, 188, 212), (226, 234, 244)),
    "cloud": ((140, 158, 182), (208, 216, 226)),
}
# How much light the ground and the sprites on it get, by channel.
LIGHT = {
    "sunny": (1.0, 1.0, 1.0),
    "sunset": (1.0, 0.84, 0.74),
    "night": (0.50, 0.54, 0.76),
    "rain": (0.78, 0.82, 0.88),
    "snow": (0.94, 0.96, 1.0),
    "cloud": (0.88, 0.90, 0.94),
    PLAIN: (1.0, 1.0, 1.0),
}
# Where a thing may stand: the farthest and the nearest foot line of a place.
GROUND = {
    "beach": (0.80, 0.95),
    "sea": (0.66, 0.88),
    "meadow": (0.74, 0.93),
    "forest": (0.76, 0.94),
    "mountain": (0.78, 0.94),
    "city": (0.82, 0.95),
    "desert": (0.74, 0.93),
    "snowfield": (0.74, 0.93),
    PLAIN: (0.80, 0.90),
}


def _colour(*rgb: float) -> Pixels:
    return np.asarray(rgb, np.float32) / 255.0


def _mix(a: Pixels, b: Pixels, t: Pixels) -> Pixels:
    return a + (b - a) * t[..., None]


class _Board:
    """A picture being drawn: `rgb` (edge, edge, 3) in [0, 1] and the pixel centres `x` and `y`.

    All waves of a picture share one `phase`, and all its ridges one `shift`.
    """

    def __init__(self, edge: int, phase: float = 0.0, shift: float = 0.0) -> None:
        self.phase, self.shift = phase, shift
        centres = (np.arange(edge, dtype=np.float32) + 0.5) / edge
        self.x, self.y = np.meshgrid(centres, centres)
        self.edge = edge
        self.rgb: Pixels = np.zeros((edge, edge, 3), np.float32)

    def below(self, line: Pixels, top: Pixels, bottom: Pixels, softness: float = 1.0) -> None:
        """Fills what lies below a line y = f(x), from `top` at the line to `bottom` at the lower edge."""
        depth = np.clip((self.y - line) / np.maximum(1.0 - line, 1e-3), 0, 1)
        cover = np.clip((self.y - line) * self.edge / softness + 0.5, 0, 1)
        self.rgb = _mix(self.rgb, _mix(top, bottom, depth), cover)

    def stroke(self, line: Pixels, width: float, colour: Pixels, strength: float) -> None:
        """A soft line of the given width along y = f(x)."""
        cover = np.exp(-(((self.y - line) / width) ** 2)) * strength
        self.rgb = _mix(self.rgb, np.broadcast_to(colour, self.rgb.shape), cover)

    def glow(self, x: float, y: float, radius: float, colour: Pixels, strength: float) -> None:
        cover = np.exp(-(((self.x - x) ** 2 + (self.y - y) ** 2) / radius**2)) * strength
        self.rgb = _mix(self.rgb, np.broadcast_to(colour, self.rgb.shape), cover)


def _wave(board: _Board, height: float, frequency: float) -> Pixels:
    return height * np.sin((board.x * 2 * np.pi + 2.3) * frequency + board.phase)


def _hills(board: _Board, colours: list[tuple[Pixels, Pixels]], first: float, step: float, height: float) -> None:
    """Overlapping ridges, the farthest first."""
    for i, (top, bottom) in enumerate(colours):
        line = first + step * i + _wave(board, height, 0.9 + 0.25 * i) + board.shift
        board.below(line, top, bottom)


def _beach(board: _Board, rng: np.random.Generator) -> None:
    horizon = rng.uniform(0.46, 0.50)
    board.below(np.full_like(board.x, horizon), _colour(28, 120, 190), _colour(86, 220, 222))
    for k in range(3):  # swell: bands that widen towards the shore
        line = horizon + 0.045 + 0.05 * k + _wave(board, 0.006, 2.0 - 0.4 * k)
        board.stroke(line, 0.006 + 0.002 * k, _colour(206, 244, 250), 0.5)
    tilt = rng.uniform(-0.07, 0.07)
    shore = rng.uniform(0.69, 0.73) + tilt * (board.x - 0.5) + _wave(board, 0.018, 1.3)
    board.below(shore - 0.035, _colour(112, 226, 222), _colour(112, 226, 222), softness=4)
    board.below(shore, _colour(206, 172, 120), _colour(250, 222, 164), softness=1.5)
    board.below(shore + 0.05, _colour(246, 216, 158), _colour(252, 228, 176), softness=6)
    board.stroke(shore, 0.016, _colour(255, 255, 255), 0.97)
    board.stroke(shore - 0.052, 0.008, _colour(255, 255, 255), 0.75)


def _sea(board: _Board, rng: np.random.Generator) -> None:
    horizon = rng.uniform(0.47, 0.52)
    board.below(np.full_like(board.x, horizon), _colour(58, 150, 208), _colour(10, 72, 140))
    for k in range(6):
        line = horizon + 0.02 + 0.013 * (k + 1) ** 1.75 + _wave(board, 0.006 + 0.002 * k, 2.4 - 0.25 * k)
        board.stroke(line, 0.004 + 0.0022 * k, _colour(150, 214, 240), 0.5)


def _meadow(board: _Board, rng: np.random.Generator) -> None:
    greens = [((142, 200, 132), (118, 186, 100)), ((112, 190, 92), (92, 172, 72)), ((122, 200, 78), (78, 158, 52))]
    _hills(board, [(_colour(*a), _colour(*b)) for a, b in greens], 0.52, 0.075, 0.03)


def _forest(board: _Board, rng: np.random.Generator) -> None:
    greens = [((110, 158, 138), (96, 150, 122)), ((70, 128, 92), (60, 120, 76)), ((70, 126, 66), (44, 96, 44))]
    _hills(board, [(_colour(*a), _colour(*b)) for a, b in greens], 0.46, 0.11, 0.014)


def _mountain(board: _Board, rng: np.random.Generator) -> None:
    tones = [((136, 166, 178), (140, 180, 160)), ((112, 170, 112), (96, 158, 90)), ((104, 176, 84), (76, 146, 60))]
    _hills(board, [(_colour(*a), _colour(*b)) for a, b in tones], 0.60, 0.055, 0.018)


def _city(board: _Board, rng: np.random.Generator) -> None:
    flat = np.ones_like(board.x)
    kerb = rng.uniform(0.735, 0.755)
    board.below(flat * (kerb - 0.035), _colour(176, 182, 190), _colour(196, 200, 206))
    board.below(flat * kerb, _colour(92, 98, 112), _colour(112, 118, 132))
    board.stroke(flat * kerb, 0.006, _colour(222, 224, 228), 0.9)


def _desert(board: _Board, rng: np.random.Generator) -> None:
    sands = [((234, 190, 128), (226, 176, 110)), ((240, 196, 122), (226, 172, 96)), ((250, 208, 134), (230, 176, 96))]
    _hills(board, [(_colour(*a), _colour(*b)) for a, b in sands], 0.55, 0.075, 0.034)


def _snowfield(board: _Board, rng: np.random.Generator) -> None:
    whites = [
        ((204, 220, 238), (222, 234, 246)),
        ((224, 234, 246), (236, 243, 250)),
        ((244, 248, 253), (222, 234, 247)),
    ]
    _hills(board, [(_colour(*a), _colour(*b)) for a, b in whites], 0.54, 0.08, 0.028)


_DRAW = {
    "beach": _beach,
    "sea": _sea,
    "meadow": _meadow,
    "forest": _forest,
    "mountain": _mountain,
    "city": _city,
    "desert": _desert,
    "snowfield": _snowfield,
}


def _plain(board: _Board, rng: np.random.Generator) -> None:
    """A soft studio ground: a pastel wall that runs into a lighter floor."""
    hue = rng.uniform(0, 2 * np.pi)
    tint = 0.5 + 0.5 * np.cos(hue + np.asarray([0, 2.094, 4.189], np.float32))
    wall = (0.80 + 0.15 * tint).astype(np.float32)
    board.rgb = _mix(wall * 0.97, np.minimum(wall * 1.06, 1.0), board.y)
    board.glow(0.5, 0.45, 0.55, _colour(255, 255, 255), 0.55)


def draw(place: str, sky: str, light: tuple[float, float] | None, rng: np.random.Generator, edge: int = 128) -> Pixels:
    """The backdrop of `place` under `sky`, (edge, edge, 3) float32 in [0, 1].

    `light` is where the sun or moon stands, which the sky glows around and water mirrors; None where it is hidden.
    """
    board = _Board(edge)
    if place == PLAIN:
        _plain(board, rng)
        return np.clip(board.rgb, 0, 1)
    shift = rng.uniform(-0.035, 0.035, 3).astype(np.float32)
    zenith, horizon = (np.clip(_colour(*c) + shift, 0, 1) for c in _SKY[sky])
    board.rgb = _mix(zenith, horizon, np.clip(board.y / 0.56, 0, 1) ** 0.9)
    glow = {"sunny": _colour(255, 250, 214), "sunset": _colour(255, 214, 120), "night": _colour(150, 164, 226)}.get(sky)
    if light is not None and glow is not None:
        board.glow(*light, 0.30, glow, 0.75)
    # The same shapes over black and over white give the land's coverage.
    phase, ridges, shapes = rng.uniform(0, 2 * np.pi), rng.uniform(-0.015, 0.015), int(rng.integers(2**32))
    black, white = _Board(edge, phase, ridges), _Board(edge, phase, ridges)
    white.rgb += 1.0
    _DRAW[place](black, np.random.default_rng(shapes))
    _DRAW[place](white, np.random.default_rng(shapes))
    alpha = 1.0 - (white.rgb - black.rgb)[..., :1]
    ground = black.rgb * np.asarray(LIGHT[sky], np.float32)
    if sky == "snow" and place in ("meadow", "forest", "mountain", "city"):
        ground = ground + (0.90 * alpha - ground) * 0.45  # a thin cover of snow
    board.rgb = board.rgb * (1.0 - alpha) + ground
    if light is not None and glow is not None and place in ("sea", "beach"):
        near = np.exp(-(((board.x - light[0]) / 0.10) ** 2)) * alpha[..., 0] * (board.y < 0.70)
        board.rgb = _mix(board.rgb, np.broadcast_to(glow, board.rgb.shape), near * 0.30)
    return np.clip(board.rgb, 0, 1).astype(np.float32)
