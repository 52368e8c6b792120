"""Ad files: of an exact size and format, in sRGB, with labels, and below the placement's limit of bytes."""

import io
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageCms

from tasks.campaign.placements import Format
from tasks.layout.box import Unfit

BEST, LEAST = 92, 40
"""Quality of JPEG that is tried first, and below which a file would be ugly."""
SUFFIX = {"jpeg": "jpg", "png": "png"}


@dataclass(frozen=True)
class AdFile:
    """A file, and the quality it was encoded with (JPEG)."""

    data: bytes
    format: Format
    quality: int | None


@cache
def srgb() -> bytes:
    """An sRGB profile. LittleCMS writes the time into its header, which would change the bytes of every run."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes((7, 232, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))  # 2024-01-01
    profile[84:100] = bytes(16)  # the profile's id, a checksum over the above
    return bytes(profile)


def encode_ad(image: Image.Image, format: Format, most: int | None, xmp: bytes, where: str) -> AdFile:
    """Encodes an ad; a JPEG at the best quality whose file is not larger than `most` bytes.

    Raises:
        Unfit: there is none.
    """
    if format == "png":
        data = _encoded(image, format, 0, xmp)
        if most is not None and len(data) > most:
            raise Unfit(f"{where}: as PNG it has {len(data):,} bytes, more than {most:,}; take format jpeg")
        return AdFile(data, format, None)
    data = _encoded(image, format, BEST, xmp)
    if most is None or len(data) <= most:
        return AdFile(data, format, BEST)
    low, high, found = LEAST, BEST - 1, None
    while low <= high:
        quality = (low + high) // 2
        data = _encoded(image, format, quality, xmp)
        if len(data) <= most:
            found, low = AdFile(data, format, quality), quality + 1
        else:
            high = quality - 1
    if found is None:
        raise Unfit(
            f"{where}: at quality {LEAST} it has {len(data):,} bytes, more than {most:,}; take a calmer picture"
        )
    return found


def _encoded(image: Image.Image, format: Format, quality: int, xmp: bytes) -> bytes:
    out = io.BytesIO()
    if format == "png":
        info = _png_info(xmp)
        image.save(out, "PNG", compress_level=6, icc_profile=srgb(), pnginfo=info)
    else:
        subsampling = 0 if quality >= 70 else 2  # coloured type needs full colour; small files cannot have it
        image.save(out, "JPEG", quality=quality, subsampling=subsampling, icc_profile=srgb(), xmp=xmp or None)
    return out.getvalue()


def _png_info(xmp: bytes):  # type: ignore[no-untyped-def]
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8"))
    return info
