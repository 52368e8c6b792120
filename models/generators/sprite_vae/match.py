"""Tells how much of what its text asks for a sampled scene shows."""

from collections.abc import Sequence

from models.asked import Match
from models.generators.sprite_vae.layout import holds
from models.generators.sprite_vae.scene_plan import ScenePlan
from models.generators.sprite_vae.text_reader import OBJECT_SLOTS, Reading
from models.generators.sprite_vae.wishes import Wish

SURE = 0.5  # of a word that names nothing known, what the reader's guess counts for at most
_OF_PLACE = {"forest": ("tree", "trees", "树", "树木"), "city": ("building", "house", "楼", "高楼")}
"""What the background itself shows of a place, which nothing takes away."""


def match(wish: Wish, row: int, plan: ScenePlan) -> Match:
    """How much of what its text asks for a scene shows."""
    asked, config = wish.asked, wish.config
    concepts, colours, poses = plan.concepts, plan.colours, plan.poses
    extra = plan.extra[row] if plan.extra else []
    if asked is None or asked.language:
        language = asked.language if asked is not None else ""
        return Match(0.0, [f"language {language} is not read" if language != "other" else "the language is not read"])
    points, weight, notes = 0.0, 0.0, list[str]()

    def asks(shown: bool, note: str, worth: float = 1.0) -> None:
        nonlocal points, weight
        weight += worth
        points += worth * shown
        if not shown:
            notes.append(note)

    everywhere = [int(concept) for concept in concepts[row].tolist()] + [concept for concept, _, _ in extra]
    named = everywhere[config.objects : config.objects + OBJECT_SLOTS] + [concept for concept, _, _ in extra]
    for number, thing in enumerate(asked.things):
        ids = wish.ids(thing)
        slots = [config.objects + slot for slot in (wish.slots[number] if number < len(wish.slots) else [])]
        found = len(slots) + (wish.more[number] if number < len(wish.more) else 0)
        asks(bool(slots) or any(concept in ids for concept in everywhere), f"not shown: {thing.name}")
        if thing.count is not None and thing.count > 1:
            asks(found == thing.count, f"{found} of {thing.count} {thing.name}")
        if thing.colour is not None and slots:
            right = config.colours.index(thing.colour)
            asks(all(int(colours[row, slot]) == right for slot in slots), f"not {thing.colour}: {thing.name}")
    for thing in asked.absent:
        drawn = thing.name in _OF_PLACE.get(config.places[int(plan.place[row])], ())
        there = any(concept in wish.ids(thing) for concept in everywhere)
        asks(not (drawn or there), f"still there: {thing.name}")
    for one, where, other in asked.relations:
        groups = [
            [config.objects + s for s in wish.slots[i]] if i is not None and wish.placed(i) else []
            for i in (one, other)
        ]
        shown = (
            bool(groups[0]) and (other is None or bool(groups[1])) and holds(poses[row], groups[0], where, groups[1])
        )
        asks(shown, f"not {where}: {asked.things[one].name}")
    if asked.place is not None:
        asks(config.places[int(plan.place[row])] == asked.place, f"not shown: {asked.place}")
    if asked.sky is not None:
        asks(config.skies[int(plan.sky[row])] == asked.sky, f"not shown: {asked.sky}")
    guesses = [] if any(wish.slots) else [concept for concept in named if 0 <= concept < config.coded]
    for word, worth in asked.unread:
        sure = _sureness(plan.reading, row, guesses) if worth == 1 and guesses else 0.0
        weight += worth
        points += worth * SURE * sure
        guess = f" (taken for {config.concepts[guesses[0]][1]})" if worth == 1 and guesses else ""
        notes.append(f"not read: {word}{guess}")
    return Match(points / weight if weight else 0.0, notes if weight else ["nothing in it was read"])


def _sureness(reading: Reading, row: int, concepts: Sequence[int]) -> float:
    """The reader's probability of the thing that it took a text for."""
    chances = reading.concepts[row].softmax(-1)
    return float(chances[:, list(concepts)].max())
