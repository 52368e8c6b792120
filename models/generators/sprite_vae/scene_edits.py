"""Edits of a scene: each sets the latents that it is about, and leaves all others with their noise."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from models.generators.sprite_vae.sampler import MIN_PROBABILITY, TEMPERATURE, draw
from models.generators.sprite_vae.scene import FAR, SKY_SLOTS, Edit, Scene
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS

_STEP = {"bit": 0.1, "plain": 0.2, "much": 0.32}  # of the picture, that a thing moves
_COLUMNS = {1: (0.5,), 2: (0.28, 0.72), 3: (0.18, 0.5, 0.82), 4: (0.14, 0.38, 0.62, 0.86)}
_SHRINK = (1.0, 0.92, 0.76, 0.62)  # of things that stand side by side, as the training scenes have them
_PLAIN = (0.78, 0.46, 0.32, 0.25)  # edges of things on plain ground
_SIDES = {"left": 0.14, "centre": 0.5, "right": 0.86}
_ROOM, _LEAST = 0.8, 0.65  # of the distance to its neighbours that a thing fills; of its size that it keeps anyway


@torch.inference_mode()
def edit_scene(scene: Scene, edit: Edit, described: Tensor | None = None) -> None:
    """Makes an edit.

    Args:
        described: features (tokens, width) of the name of a thing that is added; they say where such a thing stands.

    Raises:
        ValueError: the scene has no such thing, or no room; one sentence.
    """
    if edit.step in _OF_SCENE:
        _OF_SCENE[edit.step](scene, str(edit.value))
    elif edit.step in _OF_SLOT:
        for slot in scene.slots_of(edit):
            _OF_SLOT[edit.step](scene, slot, edit)
    elif edit.step == "add":
        _add(scene, scene.ids.index(edit.new), described, edit.at)
    elif edit.step == "count":
        _count(scene, edit, described)
    else:
        raise ValueError(f"{edit.step} is no edit of a scene.")


def _paint(scene: Scene, slot: int, edit: Edit) -> None:
    scene.plan.colours[:, slot] = scene.config.colours.index(str(edit.value))


def _remove(scene: Scene, slot: int, edit: Edit) -> None:
    scene.plan.concepts[:, slot] = -1


def _sky(scene: Scene, sky: str) -> None:
    if scene.place == scene.config.places[-1]:
        raise ValueError("the picture shows a thing on plain ground, which has no sky; ask for a place first.")
    scene.plan.sky[:] = scene.config.skies.index(sky)
    slots = (*SKY_SLOTS, FAR) if scene.place == "city" else SKY_SLOTS  # a city's windows are lit at night
    scene.draw_surroundings(slots)


def _place(scene: Scene, place: str) -> None:
    plain = scene.place == scene.config.places[-1]
    before = scene.poses_of_things()
    scene.plan.place[:] = scene.config.places.index(place)
    if plain:
        chosen = draw(scene.reading.sky[:, :-1], scene.choices()[:, 1], MIN_PROBABILITY)
        scene.plan.sky[:] = chosen.to(scene.plan.sky)
    after = scene.poses_of_things()
    scene.plan.poses[:, scene.named[0] : scene.named[-1] + 1] += after - before  # where the ground is now
    scene.draw_surroundings(tuple(scene.config.prop_slots) if plain else _others(scene))
    mean, log_variance = scene.model.prior(scene.embedding(), scene.reading)
    scene.plan.z[:] = mean + (0.5 * log_variance).exp() * scene.noise.z.to(mean.device) * TEMPERATURE


def _others(scene: Scene) -> tuple[int, ...]:
    return tuple(slot for slot in scene.config.prop_slots if slot not in SKY_SLOTS)


def _move(scene: Scene, slot: int, edit: Edit) -> None:
    side, amount = str(edit.value), edit.amount or "plain"
    x, foot, size = scene.plan.poses[0, slot].tolist()
    half, by = math.exp(size) / 2, _STEP[amount]
    if side == "centre":
        x = 0.5
    elif side in {"left", "right"}:
        sign = 1 if side == "right" else -1
        edge = 1 - min(half, 0.3) if sign > 0 else min(half, 0.3)
        x = sign * min(sign * (x + sign * by), max(sign * edge, sign * x))
    else:
        sign = 1 if side == "down" else -1
        foot = min(max(foot + sign * by, min(2 * half, foot)), max(0.98, foot))
    scene.plan.poses[:, slot] = torch.tensor([x, foot, size], device=scene.plan.poses.device)


def _replace(scene: Scene, slot: int, edit: Edit) -> None:
    concept = scene.ids.index(edit.new)
    if slot in scene.named:  # where such a thing stands in comparison: a bird flies, a house is large
        before = scene.poses_of_things()
        scene.plan.concepts[:, slot] = concept
        change = (scene.poses_of_things() - before)[:, slot - scene.named[0]]
        change[:, 0] = 0
        scene.plan.poses[:, slot] += change
    scene.plan.concepts[:, slot] = concept
    scene.plan.colours[:, slot] = -1


def _add(scene: Scene, concept: int, described: Tensor | None, at: str | None = None) -> None:
    free = [slot for slot in scene.named if slot not in scene.taken()]
    if not free:
        raise ValueError(f"the scene has {OBJECT_SLOTS} things already, as many as fit; ask to replace one.")
    _, foot, size = scene.usual_pose(concept, described)
    taken = scene.taken()
    if scene.place == scene.config.places[-1]:  # things on plain ground fill the picture: all move up into a row
        for slot, column in zip([*taken, free[0]], _COLUMNS[len(taken) + 1], strict=True):
            edge = 0.9 * _PLAIN[len(taken)]
            kept = int(scene.plan.concepts[0, slot]), int(scene.plan.colours[0, slot])
            scene.set_slot(
                slot, *(kept if slot != free[0] else (concept, -1)), (column, 0.5 + edge / 2, math.log(edge))
            )
        return
    wanted = math.exp(size) * _SHRINK[len(taken)]
    x, room = _gap(scene)
    x, room = _SIDES.get(at or "", x), 0.0 if at in _SIDES else room  # where it was asked for, whatever stands there
    edge = max(min(wanted, room * _ROOM * 2), _LEAST * wanted)
    x = min(max(x, 0.45 * edge), 1 - 0.45 * edge)  # no half of it beyond the border
    scene.set_slot(free[0], concept, -1, (x, foot, math.log(edge)))


def _gap(scene: Scene) -> tuple[float, float]:
    """Where there is most room beside what stands there: the place, and the distance to the nearest of it."""
    edges = []
    sides = [slot for slot in range(FAR + 1, scene.named[0]) if int(scene.plan.concepts[0, slot]) >= 0]
    for other in [*scene.taken(), *sides]:
        x, _, size = scene.plan.poses[0, other].tolist()
        edges.append((x, math.exp(size) / (2 if other in scene.named else 8)))  # a tree's trunk is thin

    def room(x: float) -> float:
        beside = [abs(x - other) - half for other, half in edges]
        return min([*beside, x + 0.06, 1.06 - x])

    best = max((i / 100 for i in range(10, 91)), key=lambda x: (round(room(x), 3), -abs(x - 0.5)))
    return best, max(room(best), 0.05)


def _count(scene: Scene, edit: Edit, described: Tensor | None) -> None:
    try:
        slots = [slot for slot in scene.slots_of(edit) if slot in scene.named]
    except ValueError:
        if str(edit.value).startswith("-"):
            raise
        slots = []
    wanted = len(slots) + int(edit.value) if isinstance(edit.value, str) else edit.value
    others = [slot for slot in scene.taken() if slot not in slots]
    if wanted < 0 or (wanted == 0 and not slots):
        raise ValueError(f"the picture shows {len(slots)} of {edit.name}, so there are none to take away.")
    if wanted + len(others) > OBJECT_SLOTS:
        raise ValueError(
            f"{wanted} of {edit.name} beside {len(others)} other things is more than a scene has room for "
            f"({OBJECT_SLOTS}); remove some first."
        )
    slots = sorted(slots, key=lambda slot: float(scene.plan.poses[0, slot, 0]))
    for slot in slots[wanted:]:
        scene.plan.concepts[:, slot] = -1
    if wanted <= len(slots):
        return
    if not slots:
        _add(scene, scene.ids.index(edit.new), described)
        slots = [slot for slot in scene.taken() if slot not in others]
    _multiply(scene, slots, wanted, others)


def _multiply(scene: Scene, slots: list[int], wanted: int, others: list[int]) -> None:
    """Adds copies of the first of `slots`; where nothing else stands, all of them move up into a row."""
    first = slots[0]
    concept, colour = int(scene.plan.concepts[0, first]), int(scene.plan.colours[0, first])
    _, foot, size = scene.plan.poses[0, first].tolist()
    free = [slot for slot in scene.named if slot not in scene.taken()]
    if not others:
        size += math.log(_SHRINK[wanted - 1] / _SHRINK[len(slots) - 1])
        size = min(size, math.log(0.95 / wanted * 1.15))
        for slot, column in zip([*slots, *free][:wanted], _COLUMNS[wanted], strict=True):
            scene.set_slot(slot, concept, colour, (column, foot, size))
        return
    for slot in free[: wanted - len(slots)]:
        column, room = _gap(scene)
        least = size + math.log(_LEAST)
        scene.set_slot(slot, concept, colour, (column, foot, max(min(size, math.log(room * _ROOM * 2)), least)))


_OF_SCENE: dict[str, Callable[[Scene, str], None]] = {"sky": _sky, "place": _place}
_OF_SLOT: dict[str, Callable[[Scene, int, Edit], None]] = {
    "colour": _paint,
    "remove": _remove,
    "move": _move,
    "replace": _replace,
}
