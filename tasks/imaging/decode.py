"""Decode a picture file: at its full bit depth, or as Pillow has it."""

import io

import numpy as np
from PIL import Image

from tasks.imaging.jxl import decode_jxl, is_jxl, jxl_size
from tasks.imaging.refused import MOST_PIXELS

_MOST = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def decoded(data: bytes) -> np.ndarray | None:
    """Decodes a PNG, TIFF, JPEG, WebP or JPEG XL file of 8 or 16 bits to (h, w, 1 or 3) float32 in [0, 1].

    None if it cannot be read. Alpha is dropped; the EXIF orientation is applied. Pillow has no 16-bit colour.
    """
    import cv2

    cv2.utils.logging.setLogLevel(0)  # it prints to the terminal what it cannot read
    if not data:
        return None
    if is_jxl(data):
        return _decoded_jxl(data)
    try:
        buffer = np.frombuffer(data, np.uint8)
        pixels = cv2.imdecode(buffer, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype not in _MOST:
        return None
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels[..., ::-1]
    return np.asarray(pixels, np.float32) / np.float32(_MOST[pixels.dtype])


def _decoded_jxl(data: bytes) -> np.ndarray | None:
    try:
        pixels = _jxl(data)
    except ValueError:
        return None
    colours = 1 if pixels.ndim == 2 or pixels.shape[2] < 3 else 3
    return pixels.reshape(*pixels.shape[:2], -1)[..., :colours] / np.float32(_MOST[pixels.dtype])


def open_picture(data: bytes) -> Image.Image:
    """A picture file as `Image.open` opens it, and JPEG XL, which Pillow does not know, in 8 bits.

    Raises:
        OSError, ValueError, Image.DecompressionBombError: it cannot be read, as in Pillow.
    """
    if not is_jxl(data):
        return Image.open(io.BytesIO(data))
    pixels = _jxl(data)
    return Image.fromarray((pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels)


def on_white(picture: Image.Image) -> Image.Image:
    """A picture in RGB, what is transparent over white."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return picture.convert("RGB")


def _jxl(data: bytes) -> np.ndarray:
    """Pixels (h, w) or (h, w, channels), uint8 or uint16, of an animation the first. Raises ValueError."""
    width, height = jxl_size(data)
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width * height:,} pixels are more than are held in memory")
    pixels = decode_jxl(data)
    if pixels.dtype not in _MOST:
        raise ValueError(f"pixels of {pixels.dtype} are no picture of 8 or 16 bits")
    return pixels[0] if pixels.ndim == 4 else pixels
