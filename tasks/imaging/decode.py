"""The pixels of a picture file, in all their bits."""

import numpy as np

_MOST = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def decoded(data: bytes) -> np.ndarray | None:
    """(h, w, 1 or 3) float32 in [0, 1] of a PNG, TIFF, JPEG or WebP file of 8 or 16 bits, or None if it cannot be read.

    Transparency is left out; a photograph's orientation is respected. (Pillow reads no colour of 16 bits.)
    """
    import cv2

    cv2.utils.logging.setLogLevel(0)  # it tells the terminal of what it cannot read
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
