"""What the pictures of the data set are to show, and their captions: single concepts, and composed scenes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.generators.sprite_vae.recolour import COLOURS
from tasks.datasets.emoji import captions
from tasks.datasets.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.datasets.emoji.concepts import Concept, plain
from tasks.datasets.emoji.scenes import Asked, Placed, arrange, surroundings
from tasks.datasets.emoji.vocabulary import COLOUR_WORDS, COUPLES, RELATIONS

_WEIGHTS = {"animal": 4.0, "person": 1.6, "vehicle": 4.0, "boat": 6.0, "flyer": 4.0, "plant": 2.5, "building": 2.0}
_WEIGHTS |= {"food": 1.2, "object": 0.7, "face": 0.4, "couple": 60.0}


@dataclass(frozen=True)
class Row:
    """One captioned picture before it is painted: `seed` decides how its backdrop looks."""

    id: str
    caption: str
    language: str
    kind: str
    place: str
    sky: str
    asked: tuple[Concept, ...]
    placed: tuple[Placed, ...]
    split: str
    seed: int
    says: tuple[str, ...] = ()  # of place and sky, what the caption says


@dataclass(frozen=True)
class _Scene:
    """What a composed picture shows; `where` and `when` are its place and sky if the caption says them."""

    place: str
    sky: str
    where: str | None
    when: str | None
    asked: list[Asked]
    relation: str | None


def single_rows(concepts: list[Concept], seed: int) -> Iterator[Row]:
    """Each concept by its names, everyday words and tags; one in eight of the tags is held out as `test`."""
    for number, concept in enumerate(concepts):
        rng = np.random.default_rng((seed, 1, number))
        words = [("en", concept.en, "name"), ("zh", concept.zh, "name")]
        words += [(language, word, "name") for language, word in concept.names]
        spoken = [(lang, captions.single(word, lang, concept.measure, rng), "phrase") for lang, word, _ in words]
        tags = [(lang, tag, "tag") for lang, tag in concept.tags]
        placed = [arrange(PLAIN, [Asked(concept)], None, rng) for _ in range(2)]
        for i, (language, caption, kind) in enumerate(dict.fromkeys(words + spoken + tags)):
            held_out = kind == "tag" and rng.random() < 0.125
            name, split, shown = f"{concept.id}-{i}", "test" if held_out else "train", tuple(placed[i % 2])
            yield Row(name, caption, language, kind, PLAIN, PLAIN, (concept,), shown, split, number * 2 + i % 2)


def wording_rows(concepts: list[Concept], seed: int) -> Iterator[Row]:
    """Each concept by its short names, in more phrases and in other words, and, held out as `test`, its paraphrases."""
    for number, concept in enumerate(concepts):
        rng = np.random.default_rng((seed, 6, number))
        words = [("en", concept.en), ("zh", concept.zh), *concept.names, *(("en", a) for a in concept.aliases)]
        said = [("en", alias, "alias", "train") for alias in concept.aliases]
        for language, word in dict.fromkeys(words):
            phrases = (captions.single(word, language, concept.measure, rng) for _ in range(2))
            said += [(language, phrase, "phrase", "train") for phrase in phrases]
        said += [(language, text, "paraphrase", "test") for language, text, _ in concept.paraphrases]
        said += [(language, text, "wording", "train") for language, text in concept.wordings]
        placed = tuple(arrange(PLAIN, [Asked(concept)], None, rng))
        for i, (language, caption, kind, split) in enumerate(dict.fromkeys(said)):
            name, painted = f"{concept.id}-w{i}", number * 2
            yield Row(name, caption, language, kind, PLAIN, PLAIN, (concept,), placed, split, painted)


def scene_rows(concepts: list[Concept], count: int, seed: int) -> Iterator[Row]:
    """Composed scenes, each a pure function of its number; one in thirty is held out as `test`."""
    chosen = [c for c in concepts if c.kind in _WEIGHTS and ":" not in c.en]
    weights = _weights(chosen, 4.0)
    for number in range(count):
        rng = np.random.default_rng((seed, 2, number))
        amount = int(rng.choice(5, p=[0.10, 0.46, 0.28, 0.10, 0.06]))
        drawn = [chosen[i] for i in rng.choice(len(chosen), size=max(amount, 1), p=weights)]
        if amount > 1 and rng.random() < 0.4:
            drawn = [drawn[0]] * amount
        scaled = amount == 1 and rng.random() < 0.15
        scale = float(rng.choice([1.45, 0.6])) if scaled else 1.0
        asked = [Asked(c, scale) for c in drawn[:amount]]
        distinct = amount == 2 and drawn[0].id != drawn[1].id
        relation = str(rng.choice(list(RELATIONS))) if distinct and rng.random() < 0.5 else None
        boats = any(c.kind == "boat" for c in drawn[:amount])
        place = "sea" if boats and rng.random() < 0.6 else str(rng.choice(PLACES))
        sky = str(rng.choice(SKIES, p=[0.30, 0.16, 0.16, 0.13, 0.12, 0.13]))
        says_place, says_sky = bool(rng.random() < 0.88), bool(rng.random() < 0.62)
        if not says_sky and rng.random() < 0.75:
            sky = "sunny"
        if not says_place and not says_sky:
            says_place = amount == 0
        if not says_place and not says_sky:
            place, sky = PLAIN, PLAIN
        language = "en" if rng.random() < 0.5 else "zh"
        where, when = place if says_place else None, sky if says_sky else None
        caption = captions.scene(where, when, asked, relation, language, rng)
        scene = _Scene(place, sky, where, when, asked, relation)
        yield _scene_row(f"scene-{number:06d}", caption, language, scene, 1 / 30, 10_000_000 + number, rng)


def colour_rows(concepts: list[Concept], count: int, seed: int) -> Iterator[Row]:
    """Things whose colours the caption says, alone or in scenes; one in fifteen is held out as `test`.

    What has a colour in its name keeps it: a black cat and a red heart are concepts of their own.
    """
    chosen = [
        c for c in concepts if c.kind in _WEIGHTS and c.kind != "face" and ":" not in c.en and not _tells_colour(c)
    ]
    weights = _weights(chosen, 3.0)
    taken = {plain(text) for c in concepts for text in (c.en, c.zh, *(word for _, word in c.names))}
    for number in range(count):
        rng = np.random.default_rng((seed, 5, number))
        amount = int(rng.choice([1, 2, 3, 4], p=[0.58, 0.28, 0.09, 0.05]))
        drawn = [chosen[i] for i in rng.choice(len(chosen), size=amount, p=weights)]
        asked = [Asked(c, 1.0, str(rng.choice(list(COLOURS))) if rng.random() < 0.85 else None) for c in drawn]
        if amount > 1 and rng.random() < 0.35:
            asked = [asked[0]] * amount
        distinct = amount == 2 and drawn[0].id != drawn[1].id
        relation = str(rng.choice(list(RELATIONS))) if distinct and rng.random() < 0.4 else None
        language = "en" if rng.random() < 0.5 else "zh"
        place, sky = str(rng.choice(PLACES)), str(rng.choice(SKIES))
        says_sky = bool(rng.random() < 0.3)
        if not says_sky:
            sky = "sunny"
        if rng.random() < 0.45:
            place, sky = PLAIN, PLAIN
        where, when = (None if place == PLAIN else place), (sky if says_sky and place != PLAIN else None)
        if place == PLAIN and amount == 1 and asked[0].colour and rng.random() < 0.25:
            caption = captions.predicate(asked[0], language, rng)
        else:
            caption = captions.scene(where, when, asked, relation, language, rng)
        if plain(caption) in taken:
            continue
        scene = _Scene(place, sky, where, when, asked, relation)
        yield _scene_row(f"colour-{number:06d}", caption, language, scene, 1 / 15, 30_000_000 + number, rng)


def _tells_colour(concept: Concept) -> bool:
    english = concept.en.casefold().split()
    return any(
        any(word in english for word in words[0]) or any(word in concept.zh for word in words[1])
        for words in COLOUR_WORDS.values()
    )


def phrase_rows(concepts: list[Concept], count: int, seed: int) -> Iterator[Row]:
    """Short phrases: two in three about a place or sky without anything in it, the others about two people in one."""
    by_id = {c.id: c for c in concepts}
    couples = [couple for couple in COUPLES if couple[0] in by_id]
    for number in range(count):
        rng = np.random.default_rng((seed, 4, number))
        place, sky = str(rng.choice(PLACES)), str(rng.choice(SKIES))
        says_place, says_sky = bool(rng.random() < 0.9), bool(rng.random() < 0.4)
        if not says_sky and says_place:
            sky = "sunny" if rng.random() < 0.8 else sky
        language = "en" if rng.random() < 0.5 else "zh"
        asked: list[Asked] = []
        if couples and rng.random() < 1 / 3:
            code, english, chinese = couples[rng.integers(len(couples))]
            asked = [Asked(by_id[code])]
            place = "beach" if rng.random() < 0.3 else place
            where, when = place if says_place else None, sky if says_sky or not says_place else None
            caption = captions.couple(english if language == "en" else chinese, where, when, language, rng)
        else:
            where, when = place if says_place else None, sky if says_sky or not says_place else None
            caption = captions.landscape(where, when, language, rng)
        scene = _Scene(place, sky, where, when, asked, None)
        yield _scene_row(f"phrase-{number:06d}", caption, language, scene, 1 / 30, 20_000_000 + number, rng)


def place_rows(concepts: list[Concept], count: int, seed: int) -> Iterator[Row]:
    """Scenes of one thing or two of a kind above a place or beside it, half of them of what flies."""
    chosen = [c for c in concepts if c.kind in _WEIGHTS and c.kind != "face" and ":" not in c.en]
    flyers, others = [c for c in chosen if c.kind == "flyer"], [c for c in chosen if c.kind != "flyer"]
    kinds = [(some, _weights(some, 4.0)) for some in (flyers, others) if some]
    for number in range(count):
        rng = np.random.default_rng((seed, 7, number))
        some, weights = kinds[number % len(kinds)]
        asked = [Asked(some[rng.choice(len(some), p=weights)])] * int(rng.choice([1, 2], p=[0.85, 0.15]))
        place, sky = str(rng.choice(PLACES)), str(rng.choice(SKIES))
        says_sky = bool(rng.random() < 0.5)
        if not says_sky:
            sky = "sunny"
        language = "en" if rng.random() < 0.5 else "zh"
        caption = captions.at_place(place, sky if says_sky else None, asked, language, rng)
        scene = _Scene(place, sky, place, sky if says_sky else None, asked, None)
        yield _scene_row(f"place-{number:06d}", caption, language, scene, 1 / 30, 40_000_000 + number, rng)


def _weights(chosen: Sequence[Concept], named: float) -> np.ndarray:
    """How often each concept is drawn, those with everyday words `named` times as often as others of their kind."""
    weights = np.array([_WEIGHTS[c.kind] * (named if c.names and c.kind != "couple" else 1.0) for c in chosen])
    return weights / weights.sum()


def _scene_row(
    id: str, caption: str, language: str, scene: _Scene, held_out: float, seed: int, rng: np.random.Generator
) -> Row:
    """Places the scene's things; `held_out` is how likely the row is one of `test`."""
    around = [] if scene.place == PLAIN else surroundings(scene.place, scene.sky, rng)
    placed = tuple(around + arrange(scene.place, scene.asked, scene.relation, rng))
    split = "test" if rng.random() < held_out else "train"
    concepts = tuple(asked.concept for asked in scene.asked)
    says = tuple(name for name, said in (("place", scene.where), ("sky", scene.when)) if said is not None)
    return Row(id, caption, language, "scene", scene.place, scene.sky, concepts, placed, split, seed, says)
