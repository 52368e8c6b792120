"""Reads what a prompt asks for in so many words: things with number and colour, where they are, place and sky.

Words are looked up, the longest run of them first, among the names that the embedded model's data set has; what names
nothing is kept as unread. The grammar is that of captions: `two red cats to the left of a dog at night, without trees`,
`夜空下两只红色的猫在树的左边，没有狗`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.asked import NOUN, QUALITY, Asked, AskedThing
from tasks.asked.words import (
    CHINESE_RELATIONS,
    END_OF_NONE,
    FILLERS,
    HAVE,
    LONGEST,
    MEASURED,
    MORE_SKIES,
    MOST,
    NONE,
    PAIRS,
    PART_OF,
    RELATIONS,
    SIDES,
    SKY_THINGS,
    WEIGHTS,
    of_scenery,
)
from tasks.datasets.emoji.scene_words import (
    CHINESE_COLOURS,
    CHINESE_COUNTS,
    CHINESE_PLACES,
    CHINESE_SKIES,
    ENGLISH_COLOURS,
    ENGLISH_COUNTS,
    ENGLISH_PLACES,
    ENGLISH_SKIES,
)
from tasks.datasets.emoji.things import concepts_of, known_as, may_be
from tasks.text.preprocess import TAGGED, Prepared


@dataclass
class _Reader:
    """What was read so far of a text, and what the words to come belong to."""

    things: list[AskedThing] = field(default_factory=list)
    absent: list[AskedThing] = field(default_factory=list)
    relations: list[tuple[int, str, int | None]] = field(default_factory=list)
    unread: list[tuple[str, float]] = field(default_factory=list)
    place: str | None = None
    sky: str | None = None
    count: int | None = None
    said_one: bool = False
    colour: tuple[str, str] | None = None  # and its word
    none: bool = False
    pending: tuple[int, str] | None = None
    """A thing, and where it is of the one that comes next."""
    within: int | None = None
    """In Chinese: the thing before an `在`, whose place the thing after it says."""

    def thing(self, name: str, plural: bool) -> None:
        if self.count == 2 and name in PAIRS:
            self.count = 1
        count = self.count if self.count is not None else 1 if self.said_one or not plural else None
        colour = self.colour[0] if self.colour else None
        # What is wanted is the thing itself, not a hot dog for a dog; of what is unwanted there is to be no kind.
        concepts = may_be(name) if self.none else concepts_of(name) or may_be(name)
        made = AskedThing(name, concepts, count, colour)
        self.count, self.colour, self.said_one = None, None, False
        if self.none:
            self.absent.append(made)
            return
        self.things.append(made)
        if self.pending is not None:
            self.relations.append((self.pending[0], self.pending[1], len(self.things) - 1))
            self.pending = None

    def drop_colour(self) -> None:
        """A colour that no thing followed."""
        if self.colour is not None:
            self.unread.append((self.colour[1], QUALITY))
            self.colour = None


def read_asked(prepared: Prepared) -> Asked:
    """What a text asks for; of one in a language that the model's reader does not know, only that."""
    words, tags = [word.lower() for word in prepared.tokens], prepared.pos
    if prepared.language not in TAGGED:
        return Asked(
            unread=tuple((w, NOUN) for w, t in zip(words, tags, strict=True) if t in WEIGHTS),
            language=prepared.language,
        )
    reader, at = _Reader(), 0
    while at < len(words):
        for length in range(min(LONGEST, len(words) - at), 0, -1):
            span = words[at : at + length]
            if _take(reader, span, tags[at : at + length], words[at + length : at + length + 2]):
                break
        else:
            _leave(reader, prepared.tokens[at], words[at], tags[at])
        at += length
    reader.drop_colour()
    return Asked(
        tuple(reader.things),
        tuple(reader.absent),
        tuple(reader.relations),
        reader.place,
        reader.sky,
        tuple(reader.unread),
    )


def _joined(span: Sequence[str]) -> str:
    return ("" if any("\u4e00" <= word[:1] <= "\u9fff" for word in span) else " ").join(span)


def _take(reader: _Reader, span: Sequence[str], tags: Sequence[str], after: Sequence[str]) -> bool:
    """Whether these words together mean something, which is then noted."""
    text = _joined(span)
    if text in NONE:
        reader.none = True
    elif len(span) == 2 and span[1] == "of" and span[0] in PART_OF and after:
        pass  # a cup of coffee, the foot of a mountain: what follows is the thing
    elif text in END_OF_NONE:
        reader.none, reader.pending, reader.within = False, None, None
        reader.drop_colour()
    elif text == "的" and reader.none and reader.absent:
        reader.none = False
    elif text in {"a", "an", "one", "一"} and len(span) == 1:
        reader.said_one = True
    elif (count := _count(text)) is not None:
        reader.count = count
    elif text == "在":
        reader.within = len(reader.things) - 1 if reader.things else None
    elif _relation(reader, text, after) or _scenery(reader, text):
        pass
    elif (colour := ENGLISH_COLOURS.get(text) or CHINESE_COLOURS.get(text)) and not (
        text == "orange" and not _noun_follows(after)
    ):
        reader.drop_colour()
        reader.colour = colour, text
    else:
        return _named(reader, span, text, tags)
    return True


def _noun_follows(after: Sequence[str]) -> bool:
    return bool(after) and (known_as(after[0]) is not None or known_as(" ".join(after)) is not None)


def _count(text: str) -> int | None:
    if text in ENGLISH_COUNTS:
        return ENGLISH_COUNTS[text]
    if text.isdecimal() and 0 < int(text) <= 2 * MOST:
        return int(text)
    found = MEASURED.fullmatch(text)
    if found and not text.isdecimal():
        number = int(found[1]) if found[1].isdecimal() else CHINESE_COUNTS[found[1]]
        return 2 if text.endswith("对") and number == 1 else number
    return None


def _relation(reader: _Reader, text: str, after: Sequence[str]) -> bool:
    """`left of` and its kind; in Chinese the word follows what it relates to: A 在 B 左边, B 左边有 A."""
    last = len(reader.things) - 1
    if text in SIDES:
        if last >= 0:
            reader.relations.append((last, SIDES[text], None))
        return True
    if text in RELATIONS:
        reader.pending = (last, RELATIONS[text]) if last >= 0 else None
        return True
    if text in CHINESE_RELATIONS:
        where = CHINESE_RELATIONS[text]
        if reader.within is not None and last > reader.within:
            reader.relations.append((reader.within, where, last))
        elif last >= 0 and after and after[0] in HAVE:  # B 左边有 A: A is left of B
            opposite = {"left": "right", "right": "left", "above": "below", "below": "above"}[where]
            reader.pending = last, opposite
        reader.within = None
        return True
    return False


def _scenery(reader: _Reader, text: str) -> bool:
    sky = ENGLISH_SKIES.get(text) or CHINESE_SKIES.get(text) or MORE_SKIES.get(text)
    place = ENGLISH_PLACES.get(text) or CHINESE_PLACES.get(text)
    if sky is None and place is None:
        return False
    if reader.none:
        if sky is not None:
            reader.absent.append(AskedThing(text, (sky,)))
        return True
    reader.drop_colour()
    if (sky and reader.sky not in {None, sky}) or (place and reader.place not in {None, place}):
        reader.unread.append((text, NOUN))  # there is but one of each
    reader.sky, reader.place = reader.sky or sky, reader.place or place
    return True


def _named(reader: _Reader, span: Sequence[str], text: str, tags: Sequence[str]) -> bool:
    if text in FILLERS or (len(span) == 1 and text.isascii() and tags[0] not in {"NOUN", "PROPN", "ADJ"}):
        return False
    if len(text) == 1 and not text.isascii() and tags[0] not in {"NOUN", "PROPN", "VERB", "ADJ"}:
        return False
    if len(span) > 1 and (tags[-1] not in {"NOUN", "PROPN", "ADJ", "VERB", "NUM"} or {"in", "on", "at"} & set(span)):
        return False  # `umbrella in the rain` is a wording of one picture alone
    name = known_as(text, several=(reader.count or 1) > 1)
    if name is None and not text.isascii() and len(span) == 1 and len(text) > 1:
        colour, rest = CHINESE_COLOURS.get(text[0]), known_as(text[1:])
        if colour and rest:
            reader.colour, name = (colour, text[0]), rest
        elif text[0] in "大小" and rest:
            name = rest
    if name is None or (text.isascii() and tags[-1] == "ADJ" and len(span) == 1):
        return False
    if name in SKY_THINGS and not reader.none and reader.sky is None:
        reader.sky = SKY_THINGS[name]
        if (reader.count or 1) == 1:
            reader.count, reader.colour, reader.said_one = None, None, False
            return True
    reader.thing(name, plural=text.isascii() and name != text)
    return True


def _leave(reader: _Reader, token: str, word: str, tag: str) -> None:
    """Notes a word that means nothing known, unless it says nothing that could be seen."""
    english, chinese = of_scenery()
    if tag == "PUNCT":
        reader.drop_colour()
    if tag not in WEIGHTS or word in FILLERS or word in english or (not word.isascii() and word in chinese):
        return
    weight = WEIGHTS[tag]
    reader.unread.append((token, weight))
    if weight == NOUN:
        reader.count, reader.said_one = None, False
        reader.drop_colour()
