"""Encode PNG quickly, with text chunks (PNG specification, third edition: 5 structure, 11.3.3 text, 12.7 filters)."""

import struct
import zlib
from collections.abc import Iterator, Mapping

import imagecodecs
import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chosen by measurement (`python -m benchmarks.picture_files`). In grain the search for repetitions costs most of the
# time and finds next to nothing, so only runs are looked for; the filters None and Sub would not save any more.
_RUNS = imagecodecs.PNG.STRATEGY.RLE
_FILTERS = imagecodecs.PNG.FILTER.UP | imagecodecs.PNG.FILTER.AVG | imagecodecs.PNG.FILTER.PAETH
# A picture that comes to less than 0.3 of its size is smooth: there repetitions pay, and zlib-ng finds them soonest.
_SMOOTH, _LEVEL = 0.3, 6


def encode_png(pixels: np.ndarray, text: Mapping[str, str]) -> bytes:
    """A picture (h, w, 3) uint8 as a PNG of 8-bit RGB: always the same bytes for the same picture and text.

    Args:
        text: one iTXt chunk (UTF-8, not compressed) for each key; characters that it cannot hold are replaced.

    Raises:
        ValueError: a key is not 1 to 79 Latin-1 characters.
    """
    file = bytes(imagecodecs.png_encode(pixels, level=1, strategy=_RUNS, filter=_FILTERS))
    chunks = list(_chunks(file))
    header = next(data for kind, data in chunks if kind == b"IHDR")
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    if len(packed) < pixels.size * _SMOOTH:
        rows = zlib.decompress(packed, bufsize=pixels.size + len(pixels))  # as filtered, a byte before each row
        packed = min(packed, bytes(imagecodecs.zlibng_encode(rows, _LEVEL)), key=len)
    texts = (_chunk(b"iTXt", _text(key, value)) for key, value in text.items())
    return b"".join([SIGNATURE, _chunk(b"IHDR", header), *texts, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")])


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The type and data of each chunk, without checking the CRC."""
    at = len(SIGNATURE)
    while at < len(file):
        length, kind = struct.unpack_from(">I4s", file, at)
        yield kind, file[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(data, zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(data)), kind, data, struct.pack(">I", crc)])


def _text(key: str, value: str) -> bytes:
    """Data of an iTXt chunk: key, compression flag and method, language and translated key (both empty), text."""
    name = key.encode("latin-1", "replace")
    if not 1 <= len(name) <= 79 or name.decode("latin-1") != key:
        raise ValueError(f"{key!r} cannot be the key of a PNG's text: take 1 to 79 Latin-1 characters")
    return name + b"\0\0\0\0\0" + value.replace("\0", "\ufffd").encode("utf-8", "replace")
