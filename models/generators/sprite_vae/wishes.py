"""Holds a sampled scene to what its text asks for in so many words; match.py tells how much of it the scene shows.

The reader finds things by their meaning; it miscounts, mixes up colours and knows neither `left of` nor `without`. What
the words say for certain is set here, before and after sampling; a scene that shows it already stays as it is, to the
byte. What no word says is the reader's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.asked import Asked, AskedThing
from models.generators.sprite_vae.layout import crowded, holds
from models.generators.sprite_vae.model import VaeConfig
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS, Reading

_LARGEST = {1: 0.78, 2: 0.46, 3: 0.34, 4: 0.29, 5: 0.24}  # edge of a thing by the columns of its row

Extra = tuple[int, int, tuple[float, float, float]]  # concept, colour (-1 its own), pose


@dataclass
class Wish:
    """What a row's text asks for, by the model's own indices.

    Attributes:
        asked: as it was read; None leaves the scene as it is sampled.
        slots: which of the four slots of named things are each asked thing's.
        more: how many of each are to be drawn beyond its slots.
        changed: whether things were added, taken away or multiplied, so that all are to be set out anew.
    """

    config: VaeConfig
    asked: Asked | None = None
    slots: list[list[int]] = field(default_factory=list)
    more: list[int] = field(default_factory=list)
    changed: bool = False

    def __post_init__(self) -> None:
        self._ids = _indices(self.config)

    def ids(self, thing: AskedThing) -> list[int]:
        """The sprites that are right for a thing; those that can be drawn by name alone."""
        return [self._ids[id] for id in thing.concepts if id in self._ids]

    def fill(
        self, row: int, reading: Reading, place: Tensor, sky: Tensor, there: Tensor, shown: Tensor, tint: Tensor
    ) -> None:
        """Sets what the words say of a row, in place; see `Followed.fill`."""
        asked = self.asked
        if asked is None or asked.language:
            return
        self._fill_scene(asked, row, reading, place, sky)
        for thing in asked.absent:
            for slot in range(OBJECT_SLOTS):
                if there[row, slot] and int(shown[row, slot]) in self.ids(thing):
                    there[row, slot] = False
        taken: set[int] = set()
        self.slots = [self._slots(thing, row, there, shown, tint, taken) for thing in asked.things]
        missing = not any(weight == 1 for _, weight in asked.unread)  # else a slot may be what an unread word means
        for number, thing in enumerate(asked.things):
            if not self.slots[number] and self.ids(thing):
                self._add(number, thing, row, there, shown, tint, taken, missing)
        if missing and not asked.things and asked.place is not None:
            there[row] = False  # a place alone, with nothing in it that somebody asked for
        self.more = [0] * len(asked.things)
        for number, thing in enumerate(asked.things):
            self._count(number, thing, row, there, shown, tint, taken)
            for slot in self.slots[number]:
                self._paint(thing, row, slot, tint)

    def _fill_scene(self, asked: Asked, row: int, reading: Reading, place: Tensor, sky: Tensor) -> None:
        places, skies = self.config.places, self.config.skies
        plain = int(place[row]) == len(places) - 1
        wanted = places.index(asked.place) if asked.place in places else None
        if wanted is None and asked.sky is not None and plain:
            wanted = int(reading.place[row, :-1].argmax())  # there is a sky to show
        if wanted is not None and int(place[row]) != wanted:
            if plain and asked.sky is None:
                sky[row] = int(reading.sky[row, :-1].argmax())
            place[row] = wanted
        if asked.sky in skies and int(sky[row]) != skies.index(asked.sky):
            sky[row] = skies.index(asked.sky)
        unwanted = {skies.index(id) for thing in asked.absent for id in thing.concepts if id in skies}
        if int(sky[row]) in unwanted and int(place[row]) != len(places) - 1:
            order = reading.sky[row, :-1].argsort(descending=True).tolist()
            sky[row] = next(index for index in order if index not in unwanted)

    def _slots(
        self, thing: AskedThing, row: int, there: Tensor, shown: Tensor, tint: Tensor, taken: set[int]
    ) -> list[int]:
        """The slots that show a thing, those of its colour first, at most as many as are asked for."""
        ids = self.ids(thing)
        found = [s for s in range(OBJECT_SLOTS) if s not in taken and there[row, s] and int(shown[row, s]) in ids]
        if thing.colour is not None:
            colour = self.config.colours.index(thing.colour)
            found.sort(key=lambda slot: int(tint[row, slot]) != colour)
        others = sum(other is not thing and bool(set(self.ids(other)) & set(ids)) for other in self._things())
        found = found if not others else found[: thing.count or 1]
        taken.update(found)
        return found

    def _things(self) -> Sequence[AskedThing]:
        return self.asked.things if self.asked is not None else ()

    def _add(
        self, number: int, thing: AskedThing, row: int, there: Tensor, shown: Tensor, tint: Tensor,
        taken: set[int], missing: bool,
    ) -> None:  # fmt: skip
        free = [slot for slot in range(OBJECT_SLOTS) if slot not in taken]
        wrong = [slot for slot in free if there[row, slot]] if missing else []
        empty = [slot for slot in free if not there[row, slot]]
        if not (wrong or empty):
            return
        slot = (wrong or empty)[0]
        self.changed |= slot in empty
        there[row, slot], shown[row, slot], tint[row, slot] = True, self.ids(thing)[0], -1
        taken.add(slot)
        self.slots[number] = [slot]

    def _count(
        self, number: int, thing: AskedThing, row: int, there: Tensor, shown: Tensor, tint: Tensor, taken: set[int]
    ) -> None:
        slots = self.slots[number]
        if thing.count is None or not slots or len(slots) == thing.count:
            return
        if thing.count == 1 and len(slots) > 1:
            self.changed = True
        for slot in slots[thing.count :]:
            there[row, slot] = False
        del slots[thing.count :]
        for slot in range(OBJECT_SLOTS):
            if len(slots) < thing.count and slot not in taken and not there[row, slot]:
                there[row, slot], shown[row, slot], tint[row, slot] = True, shown[row, slots[0]], tint[row, slots[0]]
                taken.add(slot)
                slots.append(slot)
        self.more[number] = thing.count - len(slots)
        self.changed = True

    def _paint(self, thing: AskedThing, row: int, slot: int, tint: Tensor) -> None:
        if thing.colour is not None:
            tint[row, slot] = self.config.colours.index(thing.colour)
        elif int(tint[row, slot]) >= 0:
            name = self.config.colours[int(tint[row, slot])]
            if any(other.colour == name for other in self._things()):
                tint[row, slot] = -1  # it is another thing's

    def arrange(self, row: int, concepts: Tensor, colours: Tensor, poses: Tensor, plain: bool) -> list[Extra]:
        """Sets a row's things out as the words say, and takes away surroundings that there are to be none of.

        Args:
            concepts, colours: (n, slots); poses: (n, slots, 3).
            plain: whether they stand on plain ground, which they fill.

        Returns:
            What is drawn beyond the slots.
        """
        asked = self.asked
        if asked is None or asked.language:
            return []
        for thing in asked.absent:
            for slot in self.config.prop_slots:
                if int(concepts[row, slot]) in self.ids(thing):
                    concepts[row, slot] = -1
        extra: list[Extra] = []
        named = slice(self.config.objects, self.config.objects + OBJECT_SLOTS)
        several = any((thing.count or 1) > 1 for thing in asked.things)
        if self.changed or (several and crowded(poses[row, named][concepts[row, named] >= 0])):
            extra = self._set_out(row, concepts, colours, poses, plain)
        for relation in asked.relations:
            self._relate(relation, row, poses, plain, extra)
        return extra

    def _set_out(self, row: int, concepts: Tensor, colours: Tensor, poses: Tensor, plain: bool) -> list[Extra]:
        """All named things in one row or two, those behind first; what a slot does not hold comes back."""
        first = self.config.objects
        order: list[tuple[int, bool]] = []
        for slots, more in zip(self.slots, self.more, strict=True):
            order += [(first + slot, False) for slot in slots] + [(first + slots[0], True)] * more if slots else []
        known = {slot for slot, _ in order}
        order += [
            (s, False) for s in range(first, first + OBJECT_SLOTS) if int(concepts[row, s]) >= 0 and s not in known
        ]
        total = len(order)
        back = total // 2 if total > 4 else 0
        extra: list[Extra] = []
        sampled = {slot: poses[row, slot].tolist() for slot, _ in order}
        for number, (slot, beyond) in enumerate(order):
            behind = number < back
            columns, column = (back, number) if behind else (total - back, number - back)
            _, foot, size = sampled[slot]
            edge = _LARGEST.get(columns, 0.2)
            if plain:
                foot = 0.5 + edge / 2 if not back else 0.48 if behind else 0.96
            else:
                edge = min(edge, math.exp(size)) * (0.85 if behind else 1.0)
                foot = foot - 0.75 * edge if behind else foot
            pose = ((column + 0.5) / columns * 0.92 + 0.04, foot, math.log(edge))
            if beyond:
                extra.append((int(concepts[row, slot]), int(colours[row, slot]), pose))
            else:
                poses[row, slot] = torch.tensor(pose, device=poses.device)
        return extra

    def _relate(
        self, relation: tuple[int, str, int | None], row: int, poses: Tensor, plain: bool, extra: list[Extra]
    ) -> None:
        one, where, other = relation
        if not self.placed(one) or (other is not None and not self.placed(other)) or extra:
            return
        first = self.config.objects
        ones = [first + slot for slot in self.slots[one]]
        others = [first + slot for slot in self.slots[other]] if other is not None else []
        if holds(poses[row], ones, where, others):
            return
        if where in {"left", "right"}:
            middle = 0.25 if where == "left" else 0.75
            self._spread(row, poses, ones, middle)
            if others:
                self._spread(row, poses, others, 1 - middle)
            return
        upper, lower = (ones, others) if where == "above" else (others, ones)
        for slots, foot in ((upper, 0.48), (lower, 0.97 if plain else 0.95)):
            for slot in slots:
                x = 0.5 if len(slots) == 1 else float(poses[row, slot, 0])
                edge = min(0.46, math.exp(float(poses[row, slot, 2])))
                poses[row, slot] = torch.tensor([x, foot, math.log(edge)], device=poses.device)

    def placed(self, number: int) -> bool:
        return number < len(self.slots) and bool(self.slots[number])

    def _spread(self, row: int, poses: Tensor, slots: list[int], middle: float) -> None:
        """Things in one half of the picture, side by side."""
        for number, slot in enumerate(slots):
            width = 0.46 / len(slots)
            edge = min(width * 1.05, math.exp(float(poses[row, slot, 2])))
            x = middle - 0.23 + (number + 0.5) * width
            poses[row, slot] = torch.tensor([x, float(poses[row, slot, 1]), math.log(edge)], device=poses.device)


def _indices(config: VaeConfig) -> dict[str, int]:
    return {concept[0]: index for index, concept in enumerate(config.concepts[: config.coded])}
