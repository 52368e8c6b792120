"""What the grammars of both languages share: things as they are called, and the steps that concern them."""

import re
from dataclasses import dataclass, field, replace

from tasks.adjust.plan import CROP, Amount, PlanStep, Refused
from tasks.datasets.emoji.things import WEATHER, known_as, nearest

MOST_THINGS = 4  # named things of a scene of the embedded model


@dataclass
class Context:
    """What clauses before have said, for those that only point back.

    Attributes:
        thing: the thing that `it` stands for; verb: `add` or `remove`, for a thing that stands there by itself.
        note: the last filter, and whether it is more (+1) or less (-1) of it.
        softened: whether the filter before is to be a little of it.
        unwanted: skies that there is to be none of: the sky, and as it was called.
        kept: parts of the picture that are to stay as they are: sky, background or things.
    """

    thing: str | None = None
    verb: str | None = None
    note: tuple[str, int] | None = None
    unwanted: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    softened: bool = False

    def copy(self) -> "Context":
        return replace(self, unwanted=list(self.unwanted))

    def changed(self, step: PlanStep, scope: str | None, direction: int) -> list[PlanStep]:
        """Remembers a filter, for what may be said of it next."""
        self.note = (step.step, direction)
        return [PlanStep(step.step, step.value, scope=scope)]

    def soften(self) -> list[PlanStep] | None:
        """`but not too much` after a filter: a little of it."""
        if self.note is None:
            return None
        self.softened = True
        return []


@dataclass(frozen=True)
class Thing:
    """A thing as an instruction calls it, by a name that is known."""

    name: str
    colour: str | None = None
    at: str | None = None

    @property
    def which(self) -> str | None:
        """Which of several: the one at a side, or of a colour."""
        return self.at or self.colour

    def added(self) -> list[PlanStep]:
        if self.name in WEATHER:
            raise Refused(f"{self.name} is weather; ask for a sky instead, such as rain, snow or night.")
        if self.at in {"up", "down"}:
            raise Refused(f"how high {self.name} stands follows from what it is; say left, right or in the middle.")
        steps = [PlanStep("add", self.name, at=self.at)]
        return steps + ([PlanStep("colour", self.colour, self.name)] if self.colour else [])

    def removed(self) -> list[PlanStep]:
        return [PlanStep("remove", self.name, at=self.which)]

    def coloured(self, colour: str) -> list[PlanStep]:
        return [PlanStep("colour", colour, self.name, at=self.at or (self.colour if self.colour != colour else None))]

    def moved(self, side: str, amount: Amount | None) -> list[PlanStep]:
        return [PlanStep("move", side, self.name, at=self.which, amount=amount)]

    def replaced_by(self, other: "Thing") -> list[PlanStep]:
        if other.name == self.name and other.colour:
            return self.coloured(other.colour)
        steps = [PlanStep("replace", other.name, self.name, at=self.which)]
        return steps + ([PlanStep("colour", other.colour, other.name)] if other.colour else [])


def named(
    text: str, context: Context, colour: str | None = None, at: str | None = None, several: bool = False
) -> Thing:
    """Raises Refused, with the nearest that is known, if nothing is called so."""
    name = known_as(text, several)
    if name is None:
        near = nearest(text)
        hint = f"the nearest it knows: {', '.join(near)}" if near else "name another thing"
        raise Refused(f"nothing is known as {text!r}; {hint}.")
    context.thing = name
    return Thing(name, colour, at)


def count_step(thing: Thing, count: int | str) -> list[PlanStep]:
    """Raises Refused for more than a scene has room for."""
    if isinstance(count, int) and not 0 < count <= MOST_THINGS:
        raise Refused(f"{count} of {thing.name} is more than a scene has room for; ask for 1 to {MOST_THINGS}.")
    return [PlanStep("count", count, thing.name)]


def crop_step(width: int, height: int) -> PlanStep:
    """Raises Refused for a shape that is none."""
    if not (width and height and 0.1 <= width / height <= 10):
        raise Refused(f"{width}:{height} is no shape for a picture; crop takes one such as 4:5.")
    return PlanStep(CROP, f"{width}:{height}")


def things_listed(text: str) -> list[str]:
    return [part for part in re.split(r" (?:and|or) (?:the )?|、|和|跟|与|及", text) if part]
