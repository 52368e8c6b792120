"""Plain pictures: every bit of the pixels, and nothing of what else a file holds."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, PngImagePlugin

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


def as_seen(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What Pillow shows of (h, w) uint8 with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.open(io.BytesIO(pillow(pixels, "PNG", exif=exif)))
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_every_format_is_applied(orientation: int) -> None:
    pixels = DRAW.integers(0, 255, (20, 31), dtype=np.uint8)
    seen = as_seen(pixels, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    deep = imagecodecs.png_encode(pixels.astype(np.uint16) * 257)
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    turned = (274, 3, 1, orientation, True)
    for data in (
        pillow(pixels, "PNG", exif=exif),
        pillow(np.dstack([pixels] * 3), "WEBP", exif=exif, lossless=True),
        deep[:33] + chunk + deep[33:],
        deep[:-12] + chunk + deep[-12:],
        tiff(pixels, extratags=[turned]),
        tiff(pixels.astype(np.uint16) * 257, extratags=[turned]),
        tiff(np.dstack([pixels] * 4), photometric="rgb", extratags=[turned]),
    ):
        frame = decode_raster(data, raster_format(data[:16]) or "png").frames[0]
        frame = frame >> 8 if frame.dtype == np.uint16 else frame
        assert all(np.array_equal(frame[..., channel], seen) for channel in range(frame.shape[2]))


@pytest.mark.parametrize("kind", [1, 2, 0])
@pytest.mark.parametrize("colours", [1, 3])
def test_channel_beside_the_colours_stays_what_it_is(colours: int, kind: int) -> None:
    pixels = DRAW.integers(0, 65535, (20, 31, colours + 1), dtype=np.uint16)
    photometric = "rgb" if colours == 3 else "minisblack"
    data = tiff(pixels, photometric=photometric, planarconfig="contig", extrasamples=[kind])
    made = again(data)
    assert made.alpha is not None
    assert np.array_equal(np.concatenate([made.frames, made.alpha], 3)[0], pixels)
    assert made.beside == kind


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(np.zeros((20, 31, 5), np.uint8), photometric="minisblack", planarconfig="contig"), "5 channels"),
        (tiff(np.zeros((6, 20, 31), np.uint8), photometric="rgb", planarconfig="separate"), "6 channels"),
        (tiff(np.zeros((4, 20, 31), np.uint16), volumetric=True, photometric="minisblack"), "a volume"),
        (tiff(np.zeros((16, 32), np.uint16), photometric="minisblack", bitspersample=12, compression=None), "12 bits"),
    ],
)
def test_what_a_picture_cannot_hold_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        decode_raster(data, "tiff")


@pytest.mark.parametrize("studio", [False, True])
def test_uncompressed_ycbcr_becomes_rgb(studio: bool) -> None:
    rgb = DRAW.integers(0, 255, (20, 31, 3), dtype=np.uint8)
    values = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    reference = (0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1)
    if studio:  # 16 to 235, and 240
        values = np.rint((values - [0, 128, 128]) * [219 / 255, 112 / 127, 112 / 127] + [16, 128, 128]).astype(np.uint8)
        reference = (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1)
    tags = [(530, 3, 2, (1, 1), True), (532, 5, 6, reference, True)]
    made = decode_raster(tiff(values, photometric="ycbcr", extratags=tags), "tiff").frames[0]
    assert np.abs(made.astype(int) - rgb).max() <= 4


def test_profiles_of_deep_pictures_are_converted() -> None:
    """Red and green change places by a made-up profile."""
    primaries = [0.30, 0.60, 0.64, 0.33, 0.15, 0.06]
    profile = imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.3290, 1.0], primaries=primaries, gamma=2.2)
    pixels = np.zeros((20, 31, 3), np.uint16)
    pixels[..., 0] = 60_000
    deep = imagecodecs.png_encode(pixels)
    packed = b"x\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(packed)) + b"iCCP" + packed + struct.pack(">I", zlib.crc32(b"iCCP" + packed))
    for data in (deep[:33] + chunk + deep[33:], tiff(pixels, photometric="rgb", iccprofile=profile)):
        made = decode_raster(data, raster_format(data[:16]) or "png").frames[0]
        assert made[0, 0].argmax() == 1, made[0, 0]


def test_first_picture_of_a_phones_jpeg_is_taken() -> None:
    first, thumbnail = (Image.new("RGB", size, colour) for size, colour in (((60, 40), "red"), ((30, 20), "blue")))
    out = io.BytesIO()
    first.save(out, "MPO", save_all=True, append_images=[thumbnail])
    made = decode_raster(out.getvalue(), "jpeg").frames
    assert made.shape == (1, 40, 60, 3)
    assert made[0, 5, 5, 0] > 200
