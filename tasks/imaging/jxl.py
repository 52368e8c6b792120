"""Encode and decode lossless JPEG XL (ISO/IEC 18181), which Pillow does not know."""

import struct

import imagecodecs
import numpy as np

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}  # width to height
_BITS = (9, 13, 18, 30)


def encode_jxl(pixels: np.ndarray, exif: bytes = b"", xmp: bytes = b"") -> bytes:
    """A picture (h, w) or (h, w, 1 to 4), uint8 or uint16, as lossless JPEG XL: the same bytes whatever the threads.

    Args:
        exif: a TIFF structure, without `Exif\\0\\0` before it; it gets a box of its own.
        xmp: a packet, which gets one, too.
    """
    boxed = bool(exif or xmp)
    file = bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, effort=1, numthreads=1, usecontainer=boxed))
    if not boxed:
        return file
    start, _ = _codestream(file)
    told = _box(b"Exif", struct.pack(">I", 0) + exif) if exif else b""  # first, where the TIFF structure begins
    return file[:start] + told + (_box(b"xml ", xmp) if xmp else b"") + file[start:]


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def decode_jxl(data: bytes) -> np.ndarray:
    """The pixels of a JPEG XL file, upright: (h, w) or (h, w, channels), of an animation (n, h, w, channels).

    Values are in the file's own colour space, which for what `encode_jxl` makes is sRGB.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        pixels: np.ndarray = imagecodecs.jpegxl_decode(data, numthreads=1)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"damaged JPEG XL ({error})") from None
    return pixels


def is_jxl(head: bytes) -> bool:
    """Whether a file that begins with `head` (12 bytes or more) is JPEG XL."""
    return head.startswith((CODESTREAM, CONTAINER))


def jxl_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, before orientation, read from the header alone (18181-1, SizeHeader).

    Raises:
        ValueError: it cannot be read.
    """
    _, begin = _codestream(data)
    start = data[begin + 2 : begin + 14]
    bits, at = int.from_bytes(start, "little"), 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        if at > len(start) * 8:
            raise ValueError("damaged JPEG XL (its header is cut)")
        return bits >> (at - count) & ((1 << count) - 1)

    def edge() -> int:
        return 8 * (read(5) + 1) if small else read(_BITS[read(2)]) + 1

    small = read(1)
    height = edge()
    ratio = _RATIOS.get(read(3))
    return height * ratio[0] // ratio[1] if ratio else edge(), height


def _codestream(data: bytes) -> tuple[int, int]:
    """Where the first box with the codestream starts, and where the codestream does (18181-2)."""
    if data.startswith(CODESTREAM):
        return 0, 0
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if length == 1:
            length, begin = int.from_bytes(data[begin : begin + 8], "big"), begin + 8
        if kind in (b"jxlc", b"jxlp"):
            return at, begin + 4 * (kind == b"jxlp")  # of a part, its number comes first
        if length < 8:
            break
        at += length
    raise ValueError("damaged JPEG XL (no codestream in it)")
