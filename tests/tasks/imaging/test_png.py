"""PNG files: the same pixels, chunks in order with right checksums, texts of every kind, no larger than Pillow's."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tasks.imaging.decode import decoded
from tasks.imaging.png import encode_png

DRAW = np.random.default_rng(3)
Chunk = tuple[bytes, bytes]


def photograph(grain: float, edge: int = 256) -> np.ndarray:
    pixels = data.astronaut()[:edge, :edge].astype(np.float32) + DRAW.normal(0, grain, (edge, edge, 3))
    return pixels.round().clip(0, 255).astype(np.uint8)


def smooth(edge: int) -> np.ndarray:
    """Two colours that run into each other, as in the default generator's backgrounds."""
    y, x = np.mgrid[0 : 1 : edge * 1j, 0 : 1 : edge * 1j]
    share = (0.3 * x + 0.7 * y + 0.08 * np.sin(9 * x)).clip(0, 1)[..., None]
    return (np.array([40, 90, 200]) * share + np.array([250, 200, 120]) * (1 - share)).astype(np.uint8)


PICTURES = {
    "grain": photograph(3),
    "clean": photograph(0),
    "smooth": smooth(512),
    "flat": np.full((300, 200, 3), 77, np.uint8),
    "noise": DRAW.integers(0, 256, (90, 70, 3), dtype=np.uint8),
    "one pixel": np.full((1, 1, 3), 200, np.uint8),
    "column": DRAW.integers(0, 256, (40, 1, 3), dtype=np.uint8),
    "row": DRAW.integers(0, 256, (1, 40, 3), dtype=np.uint8),
}


def chunks(file: bytes) -> list[Chunk]:
    """The chunks of a file, whose lengths and checksums must be right to the last byte."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(file):
        (length,) = struct.unpack_from(">I", file, at)
        body = file[at + 4 : at + 8 + length]
        assert file[at + 8 + length : at + 12 + length] == struct.pack(">I", zlib.crc32(body))
        found.append((body[:4], body[4:]))
        at += 12 + length
    assert at == len(file)
    return found


def pillow(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("name", PICTURES)
def test_readers_see_the_same_pixels(name: str) -> None:
    pixels = PICTURES[name]
    file = encode_png(pixels, {"prompt": "a"})
    image = Image.open(io.BytesIO(file))
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), pixels)
    opened = decoded(file)
    assert opened is not None
    assert np.array_equal((opened * 255).round().astype(np.uint8), pixels)


@pytest.mark.parametrize("name", PICTURES)
def test_chunks_are_in_order_and_end_with_the_file(name: str) -> None:
    pixels = PICTURES[name]
    found = chunks(encode_png(pixels, {"prompt": "a", "seed": "1"}))
    assert [kind for kind, _ in found] == [b"IHDR", b"iTXt", b"iTXt", b"IDAT", b"IEND"]
    assert found[0][1] == struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    unpacker = zlib.decompressobj()
    rows = unpacker.decompress(found[3][1])
    assert unpacker.eof
    assert not unpacker.unused_data
    assert len(rows) == pixels.size + len(pixels)
    assert max(rows[:: pixels.shape[1] * 3 + 1]) <= 4  # the filter types


def test_files_are_no_larger_than_pillows() -> None:
    for name in ("grain", "smooth", "flat"):
        assert len(encode_png(PICTURES[name], {})) <= len(pillow(PICTURES[name])), name


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('阳光 "a" <b>\n', None),
        ("🐈 e\u0301 \u202e כלב", None),
        ("", None),
        ("word " * 400_000, None),
        ("half a \ud83d pair", "half a ? pair"),
        ("a\0cat", "a\ufffdcat"),
    ],
)
def test_texts_of_every_kind(text: str, read: str | None) -> None:
    file = encode_png(PICTURES["flat"], {"prompt": text, "negative prompt": "b"})
    chunks(file)
    image = Image.open(io.BytesIO(file))
    assert image.text == {"prompt": text if read is None else read, "negative prompt": "b"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", ["", "k" * 80, "阳光"])
def test_keys_that_the_format_does_not_have(key: str) -> None:
    with pytest.raises(ValueError, match="1 to 79 Latin-1 characters"):
        encode_png(PICTURES["flat"], {key: "a"})
