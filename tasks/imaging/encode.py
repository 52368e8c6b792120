"""Encode pictures to PNG, JPEG XL, JPEG or WebP files that carry their own prompt, seed, model and settings.

All of it releases the interpreter's lock while it encodes and starts no threads, so that a pool can encode as many
pictures at once as there are cores.
"""

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from tasks.imaging.gpano import gpano_packet
from tasks.imaging.jxl import encode_jxl
from tasks.imaging.png import encode_png

if TYPE_CHECKING:  # the options of commands name the formats; torch takes seconds to import
    from torch import Tensor

Format = Literal["png", "jpeg", "webp", "jxl"]
SUFFIX: dict[str, str] = {"png": "png", "jpeg": "jpg", "webp": "webp", "jxl": "jxl"}
LUMA = (0.299, 0.587, 0.114)
EXIF_DESCRIPTION, EXIF_SOFTWARE, EXIF_TAGS, EXIF_COMMENT = 0x010E, 0x0131, 0x8769, 0x9286
EXIF_START = b"Exif\0\0"
PNG_XMP = "XML:com.adobe.xmp"  # the text's key (XMP specification, part 3)
JPEG_EXIF = 65_533  # bytes that a segment of a JPEG holds


def to_uint8(pixels: "Tensor") -> np.ndarray:
    """(3, h, w), uint8 or float32 in [0, 1], to (h, w, 3) uint8, rounded to nearest.

    The rest works on NumPy arrays: small torch operations in many threads would each start a thread pool.
    """
    import cv2

    planes = pixels.numpy()
    if planes.dtype == np.uint8:
        return np.ascontiguousarray(planes.transpose(1, 2, 0))  # no copy of what lies so already
    planes = planes.clip(0, 1)
    planes *= 255
    return np.asarray(cv2.merge(list(np.rint(planes, out=planes).astype(np.uint8))))


def quality_figures(pixels: np.ndarray) -> dict[str, float]:
    """Quality figures of one picture (h, w, 3) uint8, computed in float32 on its luma (ITU-R BT.601) in [0, 1].

    brightness: mean; contrast: standard deviation; sharpness: variance of the 4-neighbour Laplacian, a usual measure of
    focus (Pech-Pacheco et al. 2000).
    """
    import cv2

    luma = cv2.transform(pixels.astype(np.float32), np.array([LUMA]) / 255)
    brightness, variance = _moments(luma)
    sharpness = 0.0
    if min(luma.shape) > 2:
        vertical = cv2.add(luma[:-2, 1:-1], luma[2:, 1:-1])
        neighbours = cv2.add(vertical, cv2.add(luma[1:-1, :-2], luma[1:-1, 2:]))
        # cv2.Laplacian starts threads
        sharpness = _moments(cv2.scaleAdd(luma[1:-1, 1:-1], -4, neighbours))[1]
    return {"brightness": brightness, "contrast": variance**0.5, "sharpness": sharpness}


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and variance of float32 values, summed in float64."""
    import cv2

    mean = cv2.sumElems(values)[0] / values.size
    return mean, max(0.0, cv2.norm(values, cv2.NORM_L2SQR) / values.size - mean * mean)


def encode_picture(
    pixels: np.ndarray, format: Format, quality: int, info: Mapping[str, str], panorama: bool = False
) -> bytes:
    """One picture (h, w, 3) uint8 as the bytes of a file.

    Args:
        quality: of JPEG and WebP, 1 to 100; PNG and JPEG XL are lossless.
        info: what the file says about itself. PNG: one text chunk (iTXt, UTF-8) per key. The others: EXIF
            ImageDescription holds `prompt`, and UserComment all of it as JSON; a JPEG holds 64 kB of that, so there
            longer texts are cut.
        panorama: whether its XMP says that it is one.
    """
    xmp = gpano_packet(pixels.shape[1], pixels.shape[0]) if panorama else b""
    if format == "png":
        return encode_png(pixels, {**info, **({PNG_XMP: xmp.decode()} if xmp else {})})
    exif = _exif(info)
    if format == "jxl":
        return encode_jxl(pixels, exif.removeprefix(EXIF_START), xmp)
    longest = max(map(len, info.values()))
    while format == "jpeg" and len(exif) > JPEG_EXIF:
        longest //= 2
        exif = _exif({key: value[:longest] for key, value in info.items()})
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format.upper(), quality=quality, exif=exif, **({"xmp": xmp} if xmp else {}))
    return out.getvalue()


def _exif(info: Mapping[str, str]) -> bytes:
    exif = Image.Exif()
    exif[EXIF_DESCRIPTION] = info["prompt"]
    exif[EXIF_SOFTWARE] = "imagemill"
    exif.get_ifd(EXIF_TAGS)[EXIF_COMMENT] = b"UNICODE\0" + json.dumps(dict(info), ensure_ascii=True).encode("utf-16-be")
    return bytes(exif.tobytes())
