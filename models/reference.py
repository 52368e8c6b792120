"""A picture that a row's own picture is to follow."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(eq=False)
class Reference:
    """A reference picture, shared by all rows that follow it.

    Attributes:
        pixels: (3, height, width) uint8, on the host, reduced to what the generator looks at.
        sha256: of its file, hex.
        text, seed: what it was made from, if the same generator made it and wants to know; else None.
        follows: the references that it was made from itself, with their texts and seeds.
        features: of its text, by the generator's encoder; set by the encode stage.
        found: what the generator has found in it, kept for the next row.
    """

    pixels: Tensor
    sha256: str
    text: str | None = None
    seed: int = 0
    follows: list["Reference"] = field(default_factory=list)
    features: Any = None
    found: Any = None

    def texts(self) -> list["Reference"]:
        """It and all that it goes back to, of those whose text is known."""
        return ([self] if self.text is not None else []) + [r for one in self.follows for r in one.texts()]
