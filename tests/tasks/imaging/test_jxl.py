"""Lossless JPEG XL: pixels, the size in the header, and the box that says where a file came from."""

import io

import numpy as np
import pytest
from PIL import Image

from tasks.imaging.jxl import CODESTREAM, CONTAINER, decode_jxl, encode_jxl, is_jxl, jxl_size

DRAW = np.random.default_rng(8)
EXIF = Image.Exif()
EXIF[0x010E] = "a lighthouse"
TOLD = EXIF.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("exif", [b"", TOLD])
def test_every_bit_comes_back(channels: tuple[int, ...], kind: type[np.unsignedinteger], exif: bytes) -> None:
    pixels = DRAW.integers(0, np.iinfo(kind).max, (20, 31, *channels), dtype=kind, endpoint=True)
    data = encode_jxl(pixels, exif)
    assert is_jxl(data[:16])
    if kind == np.uint8:
        assert data.startswith(CONTAINER if exif else CODESTREAM)
    assert np.array_equal(decode_jxl(data), pixels)


# ratios of width to height that have a code of their own, small and long edges, each with and without a container
@pytest.mark.parametrize(
    "size",
    [
        *((1, 1), (8, 8), (16, 8), (8, 256), (31, 20), (264, 8), (144, 120), (160, 120), (1500, 1000), (1600, 900)),
        *((1280, 720), (625, 500), (3, 8193), (8200, 3), (20_000, 4)),
    ],
)
def test_size_stands_in_the_header(size: tuple[int, int]) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    assert jxl_size(encode_jxl(pixels)) == jxl_size(encode_jxl(pixels, TOLD)) == size


def test_exif_has_its_own_box() -> None:
    data = encode_jxl(np.zeros((4, 4, 3), np.uint8), TOLD)
    at = data.index(b"Exif")
    length = int.from_bytes(data[at - 4 : at], "big")
    assert data[at + 4 : at + 8] == bytes(4)
    read = Image.Exif()
    read.load(data[at + 8 : at - 4 + length])
    assert read[0x010E] == "a lighthouse"
    assert data[at + length : at + length + 4] == b"jxlc"


@pytest.mark.parametrize("length", [2, 4, 12, 20, 40, 100])
@pytest.mark.parametrize("exif", [b"", TOLD])
def test_a_file_that_is_cut_cannot_be_read(length: int, exif: bytes) -> None:
    data = encode_jxl(DRAW.integers(0, 255, (20, 31, 3), dtype=np.uint8), exif)[:length]
    with pytest.raises(ValueError, match="damaged JPEG XL"):
        decode_jxl(data)
    if length < 6 or (exif and length < 76):
        with pytest.raises(ValueError, match="damaged JPEG XL"):
            jxl_size(data)


def test_other_files_are_not_taken_for_it() -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG")
    assert not is_jxl(out.getvalue()[:16])
    assert not is_jxl(b"")
