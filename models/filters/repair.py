"""Repair: filling what a mask marks, and what looks damaged."""

import numpy as np

from models.filters.arguments import File, Loaded, Number
from models.filters.damage import find_damage
from models.filters.numbers import luma_of
from models.filters.steps import step


@step("inpaint", File("mask"), each=True)
def inpaint(picture: np.ndarray, mask: Loaded) -> np.ndarray:
    """Fills the mask smoothly from all around (biharmonic; Damelin, Hoang 2018) by scikit-image: for holes, spots."""
    return _smooth(picture, _fitting(picture, mask))


@step("inpaint-telea", File("mask"), each=True)
def inpaint_telea(picture: np.ndarray, mask: Loaded) -> np.ndarray:
    """Fills the mask inwards from its edge (Telea 2004) by OpenCV, in 16 bits: quicker, for large masks."""
    return _inwards(picture, _fitting(picture, mask))


@step("repair", Number(0, 1, neutral=0, unit="sensitivity, 0.5 is for scans"), each=True)
def repair(picture: np.ndarray, sensitivity: float) -> np.ndarray:
    """Finds dead lines, dust, scratches and missing corners, and fills them; all else keeps its values.

    It may take a true small mark for dust: not for pictures that a diagnosis is made from.
    """
    if sensitivity == 0:
        return picture
    narrow, corners = find_damage(luma_of(picture), sensitivity)
    return _smooth(_smooth(picture, corners), narrow)


def _smooth(picture: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    from skimage.restoration import inpaint_biharmonic

    if not wanted.any():
        return picture
    filled = inpaint_biharmonic(picture, wanted, split_into_regions=True, channel_axis=-1)
    return np.where(wanted[..., None], filled, picture)


def _inwards(picture: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    import cv2

    if not wanted.any():
        return picture
    marked = wanted.astype(np.uint8)
    # 16 bits, and for the filling alone: OpenCV's Telea goes astray on floats in [0, 1]
    channels = [np.rint(channel.clip(0, 1) * 65535).astype(np.uint16) for channel in np.moveaxis(picture, -1, 0)]
    filled = np.stack([cv2.inpaint(channel, marked, 5, cv2.INPAINT_TELEA) for channel in channels], -1)
    return np.where(wanted[..., None], np.float32(filled) / np.float32(65535), picture)


def _fitting(picture: np.ndarray, mask: Loaded) -> np.ndarray:
    """The mask, if it fits the picture."""
    (height, width), (rows, columns) = mask.array.shape, picture.shape[:2]
    if (height, width) != (rows, columns):
        raise ValueError(
            f"the mask {mask.path} is {width} x {height} and this picture {columns} x {rows}: "
            "give one of the pictures' size"
        )
    if mask.array.all():
        raise ValueError(f"the mask {mask.path} covers the whole picture: leave something to fill from")
    return mask.array
