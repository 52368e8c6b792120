"""Rectangles in whole pixels, and where one is anchored in another."""

from typing import Literal, NamedTuple

Side = Literal["start", "end", "top", "bottom", "middle"]


class Unfit(ValueError):
    """What is to be laid out does not fit. The message is one sentence that says what, where and how to mend it."""


class Box(NamedTuple):
    """A rectangle: its upper left corner, its width and its height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of an array (h, w, ...)."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom, as Pillow takes them."""
        return self.x, self.y, self.right, self.bottom

    def holds(self, other: "Box") -> bool:
        return self.x <= other.x and self.y <= other.y and other.right <= self.right and other.bottom <= self.bottom

    def shared(self, other: "Box") -> int:
        """The area that both have, in pixels."""
        width = min(self.right, other.right) - max(self.x, other.x)
        height = min(self.bottom, other.bottom) - max(self.y, other.y)
        return max(0, width) * max(0, height)

    def grown(self, by: int) -> "Box":
        return Box(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)

    def within(self, other: "Box") -> "Box":
        """The part of it that lies in another."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Box(x, y, max(0, min(self.right, other.right) - x), max(0, min(self.bottom, other.bottom) - y))

    def mirrored(self, width: int) -> "Box":
        """As in a layout that runs from right to left, `width` pixels wide."""
        return self._replace(x=width - self.right)

    def inset(self, left: float, top: float, right: float, bottom: float) -> "Box":
        """Without these shares of its width and height at each side, rounded inwards."""
        x, y = self.x + _up(left * self.width), self.y + _up(top * self.height)
        return Box(x, y, self.right - _up(right * self.width) - x, self.bottom - _up(bottom * self.height) - y)

    def part(self, side: Side, width: float, height: float) -> "Box":
        """The part of these shares of its width and height at a side of it; `start` is left."""
        w, h = round(self.width * width), round(self.height * height)
        x = {"start": self.x, "end": self.right - w}.get(side, self.x + (self.width - w) // 2)
        y = {"top": self.y, "bottom": self.bottom - h}.get(side, self.y + (self.height - h) // 2)
        return Box(x, y, w, h)


def _up(value: float) -> int:
    return int(-(-value // 1)) if value > 0 else 0
