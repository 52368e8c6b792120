"""Reads TIFF: all pages, upright, as grey or sRGB, with at most one channel beside the colours."""

import io
import logging
from typing import Any

import numpy as np
import tifffile
from tifffile import COMPRESSION, PHOTOMETRIC

from tasks.imaging.as_displayed import to_srgb, upright
from tasks.imaging.refused import MOST_PIXELS, Refused

COLOURS = {
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.YCBCR: 3,
}
ORIENTATION, PROFILE, COEFFICIENTS, REFERENCE = 274, 34675, 529, 532  # tags
RAW = {  # compressions whose codec gives YCbCr as it is stored; those of pictures give RGB
    *(COMPRESSION.NONE, COMPRESSION.LZW, COMPRESSION.DEFLATE, COMPRESSION.ADOBE_DEFLATE, COMPRESSION.PACKBITS),
    *(COMPRESSION.LZMA, COMPRESSION.ZSTD),
}


def decode_tiff(data: bytes) -> tuple[np.ndarray, int]:
    """Pages (n, h, w, channels) uint8 or uint16, and what the channel beside the colours is (TIFF 6, ExtraSamples).

    Raises:
        Refused: it cannot be kept as it is; the reason says why.
        Exception: it is damaged.
    """
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it quotes what it stumbles over
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages: list[Any] = list(file.pages)
        if sum(page.size for page in pages) > MOST_PIXELS * 3:
            raise Refused("its pages have more pixels than are held in memory")
        for page in pages:
            _check(page)
        if len({(page.shape, page.dtype, page.photometric, page.extrasamples) for page in pages}) > 1:
            raise Refused("its pages differ in size or kind; split them first")
        frames = [_page(page) for page in pages]
        if len({frame.shape for frame in frames}) > 1:
            raise Refused("its pages are turned differently; split them first")
        return np.stack(frames), int(pages[0].extrasamples[0]) if pages[0].extrasamples else 0


def _check(page: Any) -> None:
    if page.dtype not in (np.uint8, np.uint16):
        raise Refused(f"pixels of {page.dtype} are no picture of 8 or 16 bits", stage="skip")
    if page.photometric not in COLOURS:
        name = getattr(page.photometric, "name", "a number that the format does not know")
        raise Refused(f"colours as {name} are not among those that are read", stage="skip")
    if page.imagedepth > 1:
        raise Refused("a volume in one page (ImageDepth), not a picture; split it into pages first", stage="skip")
    beside = page.samplesperpixel - COLOURS[page.photometric]
    if beside not in {0, 1}:
        raise Refused(
            f"{page.samplesperpixel} channels, of which only the colours and one more can be kept; split them first"
        )
    if page.photometric != PHOTOMETRIC.PALETTE and page.bitspersample != page.dtype.itemsize * 8:
        raise Refused(f"pixels of {page.bitspersample} bits in {page.dtype.itemsize * 8}, which are not read")


def _page(page: Any) -> np.ndarray:
    pixels: np.ndarray = page.asarray()
    pixels = np.moveaxis(pixels, 0, -1) if page.axes.startswith("S") else pixels
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    colours = COLOURS[page.photometric]
    seen, beside = pixels[..., :colours], pixels[..., colours:]
    if page.photometric == PHOTOMETRIC.PALETTE:
        seen = _palette(page.colormap)[seen[..., 0]]
    elif page.photometric == PHOTOMETRIC.MINISWHITE:
        seen = np.invert(seen)
    elif page.photometric == PHOTOMETRIC.YCBCR and page.compression in RAW:
        seen = _rgb(page, seen)
    seen = to_srgb(seen, _tag(page, PROFILE))
    both = np.concatenate([seen, beside], axis=2) if beside.size else seen
    return upright(both, int(_tag(page, ORIENTATION) or 1))


def _palette(table: np.ndarray) -> np.ndarray:
    """(colours, 3): uint8 where its 16 bits are 8 written twice or shifted, as nearly always."""
    high = table >> 8
    small = np.array_equal(table & 0xFF, high) or not (table & 0xFF).any()
    return np.moveaxis(high.astype(np.uint8) if small else table.astype(np.uint16), 0, -1)


def _rgb(page: Any, pixels: np.ndarray) -> np.ndarray:
    """YCbCr of 8 bits (h, w, 3) as RGB (TIFF 6, section 21)."""
    if pixels.dtype != np.uint8:
        raise Refused("YCbCr of 16 bits is not read")
    red, green, blue = _fractions(_tag(page, COEFFICIENTS)) or (0.299, 0.587, 0.114)
    ends = np.array(_fractions(_tag(page, REFERENCE)) or (0, 255, 128, 255, 128, 255), np.float64)
    black, white = ends[::2], ends[1::2]
    y, cb, cr = np.moveaxis((pixels - black) * (np.array([255, 127, 127]) / (white - black)), -1, 0)
    r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
    g = (y - blue * b - red * r) / green
    return np.rint(np.stack([r, g, b], axis=-1)).clip(0, 255).astype(np.uint8)


def _fractions(values: Any) -> tuple[float, ...] | None:
    return tuple(above / below for above, below in zip(values[::2], values[1::2], strict=True)) if values else None


def _tag(page: Any, code: int) -> Any:
    tag = page.tags.get(code)
    return None if tag is None else tag.value
