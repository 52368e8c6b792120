"""Decode a picture file at its full bit depth."""

import numpy as np

_MOST = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def decoded(data: bytes) -> np.ndarray | None:
    """Decodes a PNG, TIFF, JPEG or WebP file of 8 or 16 bits to (h, w, 1 or 3) float32 in [0, 1].

    None if it cannot be read. Alpha is dropped; the EXIF orientation is applied. Pillow has no 16-bit colour.
    """
    import cv2

    cv2.utils.logging.setLogLevel(0)  # it prints to the terminal what it cannot read
    if not data:
        return None
    try:
        buffer = np.frombuffer(data, np.uint8)
        pixels = cv2.imdecode(buffer, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype not in _MOST:
        return None
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels[..., ::-1]
    return np.asarray(pixels, np.float32) / np.float32(_MOST[pixels.dtype])
