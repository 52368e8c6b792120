"""What may stand after the colon of an enhancement step: a number, a word, a window, or a file.

`read` turns the text into the value that the step's function gets, or raises ValueError with the rest of a sentence
that begins with the step; `takes` describes what is possible; `idle` says whether a value changes nothing.
"""

import contextlib
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

AUTO = "auto"


class Argument(Protocol):
    """How a step's value is written."""

    def read(self, text: str) -> Any: ...

    def takes(self) -> str: ...

    def idle(self, value: Any) -> bool: ...


@dataclass(frozen=True)
class Number:
    """A number in a range; with `auto`, also that word, and no value at all means it."""

    low: float
    high: float
    neutral: float
    unit: str
    auto: str = ""  # what the step does by itself when told `auto`

    def read(self, text: str) -> float | str:
        if self.auto and text in ("", AUTO):
            return AUTO
        if not text:
            raise ValueError("cannot be used, its number is missing")
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"cannot be used, {text!r} is not a number") from None
        if not self.low <= value <= self.high:  # NaN, too
            raise ValueError("is out of range")
        return value

    def takes(self) -> str:
        also = f", or auto: {self.auto}" if self.auto else ""
        return f"{self.low:g} to {self.high:g} ({self.unit}; {self.neutral:g} changes nothing){also}"

    def idle(self, value: Any) -> bool:
        return bool(value == self.neutral)


@dataclass(frozen=True)
class Choice:
    """One of some words or numbers; no value at all means the first."""

    options: tuple[str, ...]

    def read(self, text: str) -> str:
        if text not in ("", *self.options):
            raise ValueError(f"cannot be used, it knows no {text!r}")
        return text or self.options[0]

    def takes(self) -> str:
        return ", ".join(self.options[:-1]) + f" or {self.options[-1]} (by itself: {self.options[0]})"

    def idle(self, value: Any) -> bool:
        return False


@dataclass(frozen=True)
class Window:
    """`centre/width` of the values to show, as shares of the full range; or `auto`, which no value means too."""

    def read(self, text: str) -> tuple[float, float] | str:
        if text in ("", AUTO):
            return AUTO
        centre, slash, width = text.partition("/")
        try:
            window = float(centre), float(width)
        except ValueError:
            wrong = f"{text!r} is not two numbers" if slash else f"{text!r} has no width"
            raise ValueError(f"cannot be used, {wrong}") from None
        if not (-1 <= window[0] <= 2 and 0 < window[1] <= 4):
            raise ValueError("is out of range")
        return window

    def takes(self) -> str:
        return (
            "centre/width, as in 0.4/0.2 (shares of the full range: -1 to 2, and more than 0 to 4; 0.5/1 changes "
            "nothing), or auto: the 0.5th to the 99.5th percentile"
        )

    def idle(self, value: Any) -> bool:
        return bool(value == (0.5, 1.0))


@dataclass(frozen=True)
class Reference:
    """A file that a step was given, not read yet."""

    kind: Literal["picture", "mask", "checkpoint"]
    path: str
    strength: float = 1.0


@dataclass(frozen=True, eq=False)
class Loaded:
    """A file that a step was given, read: what a step's function gets in place of a `Reference`.

    Attributes:
        path: its name, for messages.
        content: picture (h, w, 3) float32 in [0, 1]; mask (h, w) bool, True where to fill; a checkpoint's local folder.
    """

    path: str
    content: Any
    strength: float = 1.0

    @property
    def array(self) -> np.ndarray:
        content: np.ndarray = self.content
        return content


@dataclass(frozen=True)
class File:
    """A path, local or s3://; pictures may be followed by @strength, 0 to 1."""

    kind: Literal["picture", "mask", "checkpoint"]

    def read(self, text: str) -> Reference:
        path, strength = text or ("default" if self.kind == "checkpoint" else ""), 1.0
        if self.kind == "picture" and "@" in text:
            before, _, after = text.rpartition("@")
            with contextlib.suppress(ValueError):  # no number: the @ belongs to the path
                path, strength = before, float(after)
        if not path:
            raise ValueError(f"cannot be used, its {self.kind} is missing")
        if not 0 <= strength <= 1:
            raise ValueError("is out of range")
        return Reference(self.kind, path, strength)

    def takes(self) -> str:
        return {
            "picture": "the path of a picture, and how much of it as @0 to @1 (ref.png@0.7; all of it by itself)",
            "mask": "the path of a mask of the pictures' size, white where they are to be filled",
            "checkpoint": "the folder of a checkpoint (by itself: the embedded one)",
        }[self.kind]

    def idle(self, value: Any) -> bool:
        return bool(value.strength == 0)
