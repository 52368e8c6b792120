"""What a text asks for in so many words, for generators that can hold their picture against it."""

from dataclasses import dataclass, field

NOUN, QUALITY, ACTION = 1.0, 0.5, 0.25  # what an unread word weighs, against 1 for a thing


@dataclass(frozen=True)
class AskedThing:
    """A thing.

    Attributes:
        name: as the text calls it.
        concepts: ids that are right for it; the first is drawn if the reader has found none of them.
        count: how many; None where the text leaves it open (`dogs`).
        colour: a name of a colour, or None.
    """

    name: str
    concepts: tuple[str, ...]
    count: int | None = 1
    colour: str | None = None


@dataclass(frozen=True)
class Asked:
    """What a text asks for.

    Attributes:
        things: in the order of the text; absent: what there is to be none of.
        relations: (index of a thing, left right above below, index of another or None for a side of the picture).
        unread: words that name nothing known, with their weight.
        language: what the text is written in, if the reader knows no such language; else empty.
    """

    things: tuple[AskedThing, ...] = ()
    absent: tuple[AskedThing, ...] = ()
    relations: tuple[tuple[int, str, int | None], ...] = ()
    place: str | None = None
    sky: str | None = None
    unread: tuple[tuple[str, float], ...] = ()
    language: str = ""


@dataclass
class Match:
    """How much of what a text asks for a picture shows, by the generator's own reading.

    Attributes:
        share: 0 to 1.
        notes: what is missing or was not read, a few words each.
    """

    share: float
    notes: list[str] = field(default_factory=list)
