"""Plain pictures: every bit of the pixels, and nothing of what else a file holds."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from tasks.imaging.jxl import encode_jxl
from tasks.imaging.raster_codecs import Raster, decode_raster, encode_raster, raster_format
from tasks.imaging.refused import Refused

DRAW = np.random.default_rng(5)


def again(data: bytes) -> Raster:
    """Decoded, encoded and decoded once more."""
    first = decode_raster(data, raster_format(data[:16]) or "png")
    made = encode_raster(first, first.frames, 95)
    second = decode_raster(made, raster_format(made[:16]) or "png")
    assert second.format == first.format
    return second


def pillow(pixels: np.ndarray, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format, **options)
    return out.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 3)])
def test_eight_bits_are_kept(format: str, shape: tuple[int, ...]) -> None:
    pixels = DRAW.integers(0, 255, shape, dtype=np.uint8, endpoint=True)
    options = {"lossless": True} if format == "WEBP" else {}
    made = again(pillow(pixels, format, **options)).frames[0]
    assert np.array_equal(made if made.shape[2] == 3 and len(shape) == 3 else made[..., 0], pixels)


@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 3)])
def test_sixteen_bits_are_kept(shape: tuple[int, ...]) -> None:
    pixels = DRAW.integers(0, 65535, shape, dtype=np.uint16, endpoint=True)
    png = encode_raster(Raster("png", pixels.reshape(1, 20, 31, -1)), pixels.reshape(1, 20, 31, -1), 95)
    for data in (
        png,
        tiff(pixels, photometric="rgb" if len(shape) == 3 else "minisblack"),
        tiff(pixels.byteswap().view(">u2"), byteorder=">", photometric="rgb" if len(shape) == 3 else "minisblack"),
    ):
        made = again(data)
        assert made.frames.dtype == np.uint16
        assert np.array_equal(made.frames.reshape(shape), pixels)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 3), (20, 31, 4)])
def test_jpeg_xl_keeps_every_bit(shape: tuple[int, ...], kind: type[np.unsignedinteger]) -> None:
    pixels = DRAW.integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True).reshape(20, 31, -1)
    made = again(encode_jxl(pixels if pixels.shape[2] > 1 else pixels[..., 0]))
    assert made.format == "jxl"
    assert np.array_equal(made.frames[0], pixels[..., :3])
    assert (made.alpha is None) == (pixels.shape[2] < 4)
    assert made.alpha is None or np.array_equal(made.alpha[0], pixels[..., 3:])


def test_jpeg_xl_that_is_no_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_jxl(DRAW.integers(0, 255, (20, 31, 3), dtype=np.uint8))
    with pytest.raises(Refused, match="decoded as JXL"):
        decode_raster(data[:100], "jxl")
    with pytest.raises(Refused, match="an animation"):
        decode_raster(encode_jxl(np.zeros((3, 20, 31, 3), np.uint8)), "jxl")
    with pytest.raises(Refused, match="float32"):
        decode_raster(encode_jxl(np.zeros((20, 31, 3), np.float32)), "jxl")
    monkeypatch.setattr("tasks.imaging.raster_codecs.MOST_PIXELS", 600)
    with pytest.raises(Refused, match="620 pixels are more"):
        decode_raster(data, "jxl")


def test_jpeg_comes_near() -> None:
    pixels = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], (64, 1, 3))
    assert np.abs(again(pillow(pixels, "JPEG", quality=95)).frames[0].astype(int) - pixels).max() < 12


def test_alpha_is_kept_as_it_is() -> None:
    pixels = DRAW.integers(0, 255, (20, 31, 4), dtype=np.uint8, endpoint=True)
    made = again(pillow(pixels, "PNG"))
    assert made.alpha is not None
    assert np.array_equal(made.alpha[0, ..., 0], pixels[..., 3])
    assert made.frames.shape == (1, 20, 31, 3)


def test_pages_of_a_tiff() -> None:
    pages = DRAW.integers(0, 65535, (3, 20, 31), dtype=np.uint16)
    assert np.array_equal(again(tiff(pages, photometric="minisblack")).frames[..., 0], pages)


def test_palette_and_orientation() -> None:
    image = Image.fromarray(DRAW.integers(0, 255, (20, 31, 3), dtype=np.uint8)).convert("P")
    out = io.BytesIO()
    image.save(out, "PNG")
    assert np.array_equal(again(out.getvalue()).frames[0], np.asarray(image.convert("RGB")))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    turned = again(pillow(np.zeros((20, 31, 3), np.uint8), "JPEG", exif=exif))
    assert turned.frames.shape == (1, 31, 20, 3)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_what_else_a_file_holds_is_dropped(format: str) -> None:
    exif = Image.Exif()
    exif[0x013B] = exif[0x010E] = "Zzyquist"
    options: dict[str, object] = {"exif": exif}
    if format == "PNG":
        options["pnginfo"] = info = PngImagePlugin.PngInfo()
        info.add_text("Author", "Zzyquist")
    if format == "JPEG":
        options["comment"] = b"Zzyquist"
    data = pillow(np.full((20, 31, 3), 99, np.uint8), format, **options)
    assert b"Zzyquist" in data
    raster = decode_raster(data, raster_format(data[:16]) or "png")
    assert b"Zzyquist" not in encode_raster(raster, raster.frames, 95)


@pytest.mark.parametrize(
    ("data", "format", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "png", "decoded as PNG"),
        (b"II*\0" + bytes(20), "tiff", "decoded as TIFF"),
        (pillow(np.zeros((50, 50), np.uint8), "PNG")[:60], "png", "decoded as PNG"),
        (tiff(np.zeros((4, 4), np.float32)), "tiff", "float32"),
    ],
)
def test_damaged_or_foreign_files_are_refused(data: bytes, format: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        decode_raster(data, format)  # type: ignore[arg-type]


def test_picture_that_says_it_is_huge() -> None:
    data = bytearray(pillow(np.zeros((4, 4), np.uint8), "PNG"))
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    with pytest.raises(Refused, match=r"more than are held|cannot be decoded"):
        decode_raster(bytes(data), "png")


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    assert len(out.getvalue()) < 60_000
    with pytest.raises(Refused, match="400,000,000 pixels are more"):
        decode_raster(out.getvalue(), "png")


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_limit_is_its_own_and_not_the_one_of_the_process(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = pillow(np.zeros((20, 31, 3), np.uint8), format)
    assert decode_raster(data, raster_format(data[:16]) or "png").frames.shape == (1, 20, 31, 3)


def test_webp_beyond_the_limit_of_its_reader_is_refused_for_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Refused, match="more than are held in memory"):
        decode_raster(pillow(np.zeros((20, 31, 3), np.uint8), "WEBP"), "webp")


def test_library_that_reads_tiffs_tells_the_log_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It would quote what it stumbles over."""
    with pytest.raises(Refused):
        decode_raster(b"II*\0\0\0\0\0", "tiff")
    assert caplog.text == ""
