"""Lays out training scenes: which sprites stand where, before which backdrop, in which light.

A scene has fixed slots, painted in order: what hangs in the sky, what stands far away, what stands at the sides, the
things that the caption names, and rain or snow before everything. A slot's habits (which sprite, where, how large) are
simple enough for a normal distribution, because that is what the model will draw them from.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from models.generators.sprite_vae.compositor import paint
from models.generators.sprite_vae.recolour import recolour
from tasks.datasets.emoji import backdrops
from tasks.datasets.emoji.concepts import SPRITE_EDGE, Concept, sprite_array

STARS, LIGHT, CLOUD_LEFT, CLOUD_RIGHT, FAR, LEFT, RIGHT, MIDDLE = range(8)
OBJECTS = range(8, 12)
WEATHER = 12
SLOTS = 13

SUN, MOON, CRESCENT, CLOUD = "2600", "1F315", "1F319", "2601"
# What stands at the sides of a place, by slot: (concepts, chance, size).
_SIDES: dict[str, dict[int, tuple[tuple[str, ...], float, float]]] = {
    "beach": {
        LEFT: (("1F334",), 0.6, 0.52), RIGHT: (("26F1", "1F334"), 0.6, 0.34), MIDDLE: (("1F41A", "1F980"), 0.35, 0.09)
    },
    "sea": {LEFT: (("26F5",), 0.35, 0.13), RIGHT: (("1F3DD",), 0.3, 0.17)},
    "meadow": {LEFT: (("1F333",), 0.65, 0.42), RIGHT: (("1F333",), 0.4, 0.30), MIDDLE: (("1F33C", "1F337"), 0.7, 0.12)},
    "forest": {LEFT: (("1F332",), 0.9, 0.56), RIGHT: (("1F332", "1F333"), 0.9, 0.50), MIDDLE: (("1F344",), 0.5, 0.11)},
    "mountain": {LEFT: (("1F332",), 0.7, 0.30), RIGHT: (("1F332",), 0.6, 0.24), MIDDLE: (("1FAA8",), 0.35, 0.12)},
    "city": {LEFT: (("1F333",), 0.35, 0.26), RIGHT: (("1F3E2", "1F333"), 0.35, 0.34)},
    "desert": {LEFT: (("1F335",), 0.7, 0.30), RIGHT: (("1F335",), 0.5, 0.20), MIDDLE: (("1FAA8",), 0.4, 0.11)},
    "snowfield": {LEFT: (("1F332",), 0.7, 0.38), RIGHT: (("1F332",), 0.6, 0.28), MIDDLE: (("26C4",), 0.15, 0.15)},
}  # fmt: skip
_FAR = {"city": ("skyline-1", "skyline-2"), "mountain": ("range-1", "range-2"), "forest": ("pines-1", "pines-2")}
_FAR_FOOT = {"city": 0.725, "mountain": 0.66, "forest": 0.66}
PROPS = {SUN, MOON, CRESCENT, CLOUD} | {
    c for place in _SIDES.values() for choices, _, _ in place.values() for c in choices
}
# The height of a thing beside another, as a share of the picture.
_SIZE = {"couple": 0.44, "person": 0.38, "animal": 0.36, "flyer": 0.30, "vehicle": 0.40, "boat": 0.40, "building": 0.50}
_MARINE = {"1F433", "1F40B", "1F42C", "1F988", "1F419", "1F41F", "1F420", "1F421", "1F9AD"}


@dataclass(frozen=True)
class Placed:
    """A sprite in its slot: `x` and `foot` are where its lower edge's middle stands, `size` its edge, all fractions."""

    concept: str
    slot: int
    x: float
    foot: float
    size: float
    colour: str | None = None

    @property
    def pose(self) -> tuple[float, float, float]:
        return self.x, self.foot, math.log(self.size)


@dataclass(frozen=True)
class Asked:
    """A thing that the caption names; `scale` is 1 unless it is called big or small, `colour` its own unless said."""

    concept: Concept
    scale: float = 1.0
    colour: str | None = None


class Painter:
    """Keeps the sprites as tensors and paints scenes with them."""

    def __init__(self, concepts: list[Concept]) -> None:
        self.sprites = {c.id: torch.from_numpy(sprite_array(c.sprite)) for c in concepts}

    def paint(self, place: str, sky: str, placed: list[Placed], rng: np.random.Generator) -> np.ndarray:
        """The picture, (edge, edge, 3) uint8."""
        lamp = next(((p.x, p.foot - p.size / 2) for p in placed if p.slot == LIGHT), None)
        ground = backdrops.draw(place, sky, lamp, rng, SPRITE_EDGE)
        canvas = torch.from_numpy(ground.transpose(2, 0, 1).copy())
        light = torch.tensor(backdrops.LIGHT[sky])
        for item in sorted(placed, key=lambda p: p.slot):
            lit = item.slot in (STARS, LIGHT, WEATHER) or item.concept.startswith("skyline-night")
            if item.slot >= LEFT and item.slot != WEATHER and _stands(place, item):
                _shadow(canvas, item)
            sprite = self.sprites[item.concept]
            sprite = sprite if item.colour is None else recolour(sprite, item.colour)
            paint(canvas, sprite, item.pose, None if lit else light)
        return (canvas.clamp(0, 1).permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)


def _stands(place: str, item: Placed) -> bool:
    return place != "sea" and item.foot > backdrops.GROUND[place][0] - 0.14


def _shadow(canvas: torch.Tensor, item: Placed) -> None:
    """A soft dark ellipse under what stands on the ground."""
    edge = canvas.shape[-1]
    axis = (torch.arange(edge) + 0.5) / edge
    far = ((axis[None, :] - item.x) / (0.40 * item.size)) ** 2
    far = far + ((axis[:, None] - item.foot + 0.015) / (0.075 * item.size + 0.006)) ** 2
    canvas *= 1 - 0.34 * torch.exp(-(far**1.5))


def _prop(
    rng: np.random.Generator, concept: str, slot: int, x: float, foot: float, size: float, spread: float
) -> Placed:
    return Placed(
        concept,
        slot,
        float(x + rng.normal(0, spread)),
        float(foot + rng.normal(0, spread / 4)),
        float(size * math.exp(rng.normal(0, 0.10))),
    )


def surroundings(place: str, sky: str, rng: np.random.Generator) -> list[Placed]:
    """Everything of a scene that its caption does not name."""
    props: list[Placed] = []
    if sky == "night":
        props.append(_prop(rng, "stars", STARS, 0.5, 1.06, 1.12, 0.03))
        moon = MOON if rng.random() < 0.5 else CRESCENT
        props.append(_prop(rng, moon, LIGHT, 0.72, 0.29, 0.16, 0.07))
    elif sky == "sunny":
        props.append(_prop(rng, SUN, LIGHT, 0.78, 0.30, 0.20, 0.06))
    elif sky == "sunset":
        props.append(_prop(rng, SUN, LIGHT, 0.50, 0.46, 0.19, 0.10))
    cloudy = {"sunny": 0.7, "sunset": 0.5, "night": 0.15, "rain": 0.95, "snow": 0.8, "cloud": 1.0}[sky]
    for slot, x, size in ((CLOUD_LEFT, 0.24, 0.30), (CLOUD_RIGHT, 0.66, 0.24)):
        heavy = 1.35 if sky in ("rain", "cloud") else 1.0
        if rng.random() < cloudy * (1 if slot == CLOUD_LEFT else 0.8):
            props.append(_prop(rng, CLOUD, slot, x, 0.27 if slot == CLOUD_LEFT else 0.36, size * heavy, 0.05))
    if place in _FAR:
        name = _FAR[place][rng.integers(2)]
        if place == "city" and sky == "night":
            name = name.replace("skyline", "skyline-night")
        props.append(_prop(rng, name, FAR, 0.5, _FAR_FOOT[place], 1.22, 0.02))
    for slot, (choices, chance, size) in _SIDES[place].items():
        if rng.random() < chance:
            x = {LEFT: 0.12, RIGHT: 0.89, MIDDLE: 0.30}[slot]
            far_line = backdrops.GROUND[place][0]
            foot = {LEFT: far_line - 0.02, RIGHT: far_line - 0.05, MIDDLE: far_line + 0.15}[slot]
            if place == "sea":
                foot = 0.56
            props.append(_prop(rng, choices[rng.integers(len(choices))], slot, x, foot, size, 0.03))
    if sky in ("rain", "snow"):
        props.append(_prop(rng, sky, WEATHER, 0.5, 1.05, 1.15, 0.025))
    return props


def arrange(place: str, asked: list[Asked], relation: str | None, rng: np.random.Generator) -> list[Placed]:
    """Where the named things stand: in a row in the caption's order unless a relation says otherwise."""
    count = len(asked)
    if count == 0:
        return []
    plain = place == backdrops.PLAIN
    columns = {1: [0.5], 2: [0.28, 0.72], 3: [0.18, 0.5, 0.82], 4: [0.14, 0.38, 0.62, 0.86]}[count]
    if relation == "right":
        columns = columns[::-1]
    shrink = (1.0, 0.92, 0.76, 0.62)[count - 1]
    near = backdrops.GROUND[place]
    placed = []
    for i, thing in enumerate(asked):
        kind = thing.concept.kind
        size = (0.78, 0.46, 0.32, 0.25)[count - 1] if plain else _SIZE.get(kind, 0.30) * shrink
        size *= thing.scale ** (0.6 if plain and count == 1 else 1.0) * math.exp(rng.normal(0, 0.04 if plain else 0.07))
        size = min(size, 0.9)
        x = columns[i] + rng.normal(0, 0.012 if plain else 0.03 if count > 1 else 0.05)
        if plain:
            foot = 0.5 + (0.78, 0.46, 0.32, 0.25)[count - 1] / 2 + rng.normal(0, 0.006) + (size - 0.5) * 0.1
        elif relation == "above" and count == 2 and i == 0:
            x, foot = 0.5 + rng.normal(0, 0.04), 0.44 + rng.normal(0, 0.02)
            size = min(size, 0.34)
        elif kind == "flyer":
            foot = 0.46 + size / 4 + rng.normal(0, 0.02)
        elif place == "sea" and (kind == "boat" or thing.concept.id in _MARINE):
            foot = 0.74 + rng.normal(0, 0.02)
        else:
            foot = near[0] + (near[1] - near[0]) * 0.62 + rng.normal(0, 0.015)
        if relation == "above" and count == 2 and i == 1:
            x = 0.5 + rng.normal(0, 0.04)
        placed.append(Placed(thing.concept.id, OBJECTS[i], float(x), float(foot), float(size), thing.colour))
    return placed
