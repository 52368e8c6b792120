"""Repair: filling what a mask marks, and what looks damaged."""

import numpy as np

from models.filters.arguments import File, Loaded
from models.filters.steps import step


@step("inpaint", File("mask"), each=True)
def inpaint(picture: np.ndarray, mask: Loaded) -> np.ndarray:
    """Fills the mask smoothly from all around (biharmonic; Damelin, Hoang 2018) by scikit-image: for holes, spots."""
    from skimage.restoration import inpaint_biharmonic

    wanted = _fitting(picture, mask)
    if not wanted.any():
        return picture
    filled = inpaint_biharmonic(picture, wanted, split_into_regions=True, channel_axis=-1)
    return np.where(wanted[..., None], filled, picture)


@step("inpaint-telea", File("mask"), each=True)
def inpaint_telea(picture: np.ndarray, mask: Loaded) -> np.ndarray:
    """Fills the mask inwards from its edge (Telea 2004) by OpenCV, in float: quicker, for large masks."""
    import cv2

    wanted = _fitting(picture, mask)
    marked = wanted.astype(np.uint8)
    channels = [np.ascontiguousarray(channel) for channel in np.moveaxis(picture, -1, 0)]
    filled = np.stack([cv2.inpaint(channel, marked, 5, cv2.INPAINT_TELEA) for channel in channels], -1)
    return np.where(wanted[..., None], filled, picture)


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
