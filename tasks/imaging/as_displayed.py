"""Pixels as a viewer displays them: upright by the EXIF orientation, their colours in sRGB."""

from functools import cache

import imagecodecs
import numpy as np


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(..., h, w, c) turned and mirrored as an orientation of 1 to 8 says (TIFF 6, tag 274); other numbers say nothing.

    Of 5 to 8, height and width change places.
    """
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(-3, -2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[..., ::-1, :, :]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[..., ::-1, :]
    return pixels


def to_srgb(pixels: np.ndarray, profile: bytes | None) -> np.ndarray:
    """RGB (h, w, 3) uint8 or uint16 from the colours of an ICC profile to sRGB; what is not RGB stays as it is.

    Raises:
        Exception: the profile is damaged, or not of RGB.
    """
    if not profile or pixels.shape[-1] != 3:
        return pixels
    whole = np.ascontiguousarray(pixels)
    made: np.ndarray = imagecodecs.cms_transform(whole, profile, _srgb(), colorspace="rgb", outcolorspace="rgb")
    return made


@cache
def _srgb() -> bytes:
    return bytes(imagecodecs.cms_profile("srgb"))
