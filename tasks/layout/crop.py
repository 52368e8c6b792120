"""Crop: the part of a picture that fills a box, with its subject where the layout wants it."""

import numpy as np
from PIL import Image

from tasks.layout.box import Box

_ZOOMS = (1.0, 1.12, 1.25, 1.4, 1.6, 1.8)  # of the scale at which the picture just covers the box
_ROOM = 0.92  # of the region that the subject may take


class Crop:
    """A part of a picture: `left`, `top` in its pixels and the `scale` at which it fills `target`."""

    def __init__(self, left: float, top: float, scale: float, target: Box) -> None:
        self.left = left
        self.top = top
        self.scale = scale
        self.target = target

    def onto(self, box: Box) -> Box:
        """Where a box of the picture comes to lie, as far as it is seen."""
        x, y = (box.x - self.left) * self.scale + self.target.x, (box.y - self.top) * self.scale + self.target.y
        return Box(round(x), round(y), round(box.width * self.scale), round(box.height * self.scale)).within(
            self.target
        )

    def source(self, box: Box) -> Box:
        """Which part of the picture comes to lie in a box."""
        x, y = (box.x - self.target.x) / self.scale + self.left, (box.y - self.target.y) / self.scale + self.top
        return Box(round(x), round(y), round(box.width / self.scale), round(box.height / self.scale))

    def cut(self, picture: Image.Image) -> Image.Image:
        """The part, at the size of the target."""
        width, height = self.target.width / self.scale, self.target.height / self.scale
        right, bottom = min(picture.width, self.left + width), min(picture.height, self.top + height)
        size = self.target.width, self.target.height
        return picture.resize(
            size, Image.Resampling.LANCZOS, box=(self.left, self.top, right, bottom), reducing_gap=2.0
        )


def crop_for(size: tuple[int, int], target: Box, subject: Box, region: Box) -> Crop:
    """The crop that keeps the subject whole and in a region of the target, at the smallest scale that does.

    Args:
        size: width and height of the picture; subject: a box of it.
        region: where in the target the subject is to be; where it cannot, the crop comes as near as it goes.
    """
    cover = max(target.width / size[0], target.height / size[1])
    crops = [_at(size, target, subject, region, cover * zoom) for zoom in _ZOOMS]
    return crops[int(np.argmax([_rating(crop, subject, region) for crop in crops]))]


def _at(size: tuple[int, int], target: Box, subject: Box, region: Box, scale: float) -> Crop:
    def start(middle: float, wanted: float, edge: int, shown: float) -> float:
        return min(max(0.0, middle - wanted / scale), max(0.0, edge - shown / scale))

    left = start(subject.x + subject.width / 2, region.x - target.x + region.width / 2, size[0], target.width)
    top = start(subject.y + subject.height / 2, region.y - target.y + region.height / 2, size[1], target.height)
    return Crop(left, top, scale, target)


def _rating(crop: Crop, subject: Box, region: Box) -> float:
    seen = crop.onto(subject)
    whole = seen.area / max(1.0, subject.area * crop.scale**2)  # share of the subject that is not cut off
    inside = seen.shared(region) / max(1, seen.area)
    fits = seen.width <= _ROOM * region.width and seen.height <= _ROOM * region.height
    return round(whole * inside, 2) + fits * 0.2 - crop.scale * 1e-3
