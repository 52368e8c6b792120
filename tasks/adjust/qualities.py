"""A clause about a quality of the picture, heard word by word: which quality, in which direction, how much."""

from dataclasses import dataclass, field

from tasks.adjust.plan import Amount
from tasks.adjust.words import BIT, FILL, LESS, LOW, MORE, MUCH, TOO, Quality


@dataclass(frozen=True)
class Heard:
    """A word for a quality: the filter, and whether more of the quality is more (+1) or less (-1) of the filter."""

    filter: str
    direction: int
    word: str


@dataclass
class Said:
    """What a clause says of amount and direction.

    Attributes:
        sign: +1 for more, -1 for less, 0 if it says neither; low: -1 if there is said to be little of it.
        too: whether it complains of too much.
    """

    percent: float | None = None
    amount: Amount = "plain"
    sign: int = 0
    low: int = 1
    too: bool = False
    found: list[Heard] = field(default_factory=list)

    def hear(self, word: str, quality: Quality | None, role: str | None) -> bool:
        """Takes a word in; False if it is not known."""
        if quality is not None:
            self.found.append(Heard(*quality, word))
        elif role == BIT:
            self.amount = "bit"
        elif role == MUCH:
            self.amount = "much" if self.amount == "plain" else self.amount
        elif role in {MORE, LESS}:
            self.sign = -1 if role == LESS else self.sign or 1
        elif role == TOO:
            self.too = True
        elif role == LOW:
            self.low = -1
        return quality is not None or role in {BIT, MUCH, MORE, LESS, TOO, LOW, FILL}

    def total(self, direction: int) -> int:
        """More (+1) or less (-1) of the filter: a complaint asks for the opposite of what it says."""
        return direction * (-self.low if self.too else self.sign or self.low)

    def one(self, weak: set[str]) -> Heard | None:
        """The quality that counts: one of `weak`, as colours, only says of what if there is another one."""
        strong = [heard for heard in self.found if heard.word not in weak]
        if {heard.filter for heard in strong} == {"brightness", "gamma"} and len(strong) == 2:
            bright = next(heard for heard in strong if heard.filter == "brightness")
            return Heard("gamma", bright.direction, bright.word)  # brighten the shadows
        if len(strong) == 2 and strong[0].filter == strong[1].filter and strong[0] != strong[1]:
            first, second = strong
            return Heard(second.filter, first.direction * second.direction, second.word)
        if len(strong) == 1:
            return strong[0]
        return self.found[-1] if self.found and not strong else None
