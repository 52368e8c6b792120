"""Decode and encode pictures and volumes at their full bit depth, and keep nothing but the pixels.

EXIF, XMP, comments, text chunks and colour profiles may name people and places, so they are dropped; before that the
orientation is applied and the profile's colours are converted to sRGB; JPEG XL is taken to be sRGB.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from tasks.imaging.as_displayed import to_srgb, upright
from tasks.imaging.jxl import decode_jxl, encode_jxl, is_jxl, jxl_size
from tasks.imaging.metaimage import decode_metaimage, encode_metaimage, is_metaimage
from tasks.imaging.nifti import decode_nifti, encode_nifti, is_nifti
from tasks.imaging.nrrd import decode_nrrd, encode_nrrd, is_nrrd
from tasks.imaging.refused import MOST_PIXELS, Refused
from tasks.imaging.tiff import ORIENTATION, decode_tiff

Format = Literal["png", "tiff", "jpeg", "webp", "jxl", "nifti", "nrrd", "mha"]
MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\xff\xd8\xff", "jpeg"),
)
SUFFIX: dict[Format, str] = {
    "png": "png",
    "tiff": "tif",
    "jpeg": "jpg",
    "webp": "webp",
    "jxl": "jxl",
    "nifti": "nii.gz",
    "nrrd": "nrrd",
    "mha": "mha",
}
# Of each format of volumes: whether a file is one, and its slices with the header that says where they are, and back.
VOLUMES: dict[Format, tuple[Callable[[bytes], bool], Callable[..., Any], Callable[..., bytes]]] = {
    "nifti": (is_nifti, decode_nifti, encode_nifti),
    "nrrd": (is_nrrd, decode_nrrd, encode_nrrd),
    "mha": (is_metaimage, decode_metaimage, encode_metaimage),
}
# Pillow's readers themselves: `Image.open` adds a limit of the whole process to them, below the one that holds here
# (WebP's has it inside: it ends at 178,956,970 pixels).
READERS: dict[Format, Callable[[io.BytesIO], Image.Image]] = {
    "png": PngImageFile,
    "jpeg": jpeg_factory,
    "webp": WebPImageFile,
}


@dataclass
class Raster:
    """The pixels of a picture file.

    Attributes:
        frames: (pages, height, width, 1 or 3), uint8 or uint16.
        alpha: (pages, height, width, 1) of the same type, which enhancement does not touch; None without alpha.
        beside: what a TIFF says that this channel is (ExtraSamples): 1 or 2 for alpha, 0 for something else.
        header: of a volume, where its slices are.
    """

    format: Format
    frames: np.ndarray
    alpha: np.ndarray | None = None
    beside: int = 2
    header: Any = None


def raster_format(head: bytes) -> Format | None:
    """The format of a file that begins with `head` (16 bytes; for a volume, all), or None if it is not one of these."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if is_jxl(head):
        return "jxl"
    found = next((format for magic, format in MAGIC if head.startswith(magic)), None)
    return found or next((format for format, (is_one, _, _) in VOLUMES.items() if is_one(head)), None)


def decode_raster(data: bytes, format: Format) -> Raster:
    """Decodes a file.

    Raises:
        Refused: it is damaged, too large, or of a kind that `encode_raster` could not write again.
    """
    try:
        if format == "tiff":
            return _split(format, *decode_tiff(data))
        if format == "jxl":
            return _decode_jxl(data)
        if format in VOLUMES:
            frames, header = VOLUMES[format][1](data)
            return Raster(format, frames, header=header)
        with READERS[format](io.BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Refused(f"{image.width * image.height:,} pixels are more than are held in memory")
            # a phone's JPEG is an MPO, whose further pictures are thumbnails or depths of the first
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                raise Refused("an animation, not a picture", stage="skip")
            if format == "png" and data[24] == 16:
                return _split(format, _deep_png(data, image)[None])
            return _split(format, np.asarray(_plain(image))[None])
    except Refused:
        raise
    except Image.DecompressionBombError:
        raise Refused("its pixels are more than are held in memory") from None
    except Exception as error:
        raise Refused(
            f"truncated or damaged: it cannot be decoded as {format.upper()} ({type(error).__name__})"
        ) from None


def encode_raster(raster: Raster, frames: np.ndarray, quality: int) -> bytes:
    """Encodes `frames` (pages, height, width, 1 or 3) in the format of `raster`, with its alpha if they have its size.

    Args:
        quality: of JPEG, 1 to 100; the other formats are lossless.
    """
    if raster.format in VOLUMES:
        return VOLUMES[raster.format][2](raster.header, frames)
    if raster.alpha is not None and raster.alpha.shape[1:3] == frames.shape[1:3]:
        frames = np.concatenate([frames, raster.alpha], axis=3)
    squeezed = frames[..., 0] if frames.shape[3] == 1 else frames
    out = io.BytesIO()
    if raster.format == "tiff":
        options: dict[str, Any] = {"photometric": "rgb" if frames.shape[3] >= 3 else "minisblack"}
        if frames.shape[3] in {2, 4}:
            options |= {"extrasamples": [raster.beside], "planarconfig": "contig"}
        with tifffile.TiffWriter(out) as file:
            for page in squeezed:
                file.write(page, **options, compression="zlib", metadata=None, software=False)
    elif raster.format == "jxl":
        out.write(encode_jxl(squeezed[0]))
    elif frames.dtype == np.uint16:
        out.write(imagecodecs.png_encode(squeezed[0], level=6))
    elif raster.format == "jpeg":
        Image.fromarray(squeezed[0]).save(out, "JPEG", quality=quality, subsampling=0)
    else:
        lossless = {"lossless": True} if raster.format == "webp" else {}
        Image.fromarray(squeezed[0]).save(out, raster.format.upper(), **lossless)
    return out.getvalue()


def _deep_png(data: bytes, image: Image.Image) -> np.ndarray:
    """A PNG of 16 bits (h, w, channels), which Pillow reads in 8."""
    pixels: np.ndarray = imagecodecs.png_decode(data)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    colours = to_srgb(pixels[..., :3], image.info.get("icc_profile"))
    return upright(np.concatenate([colours, pixels[..., 3:]], axis=2), int(image.getexif().get(ORIENTATION, 1)))


def _plain(image: Image.Image) -> Image.Image:
    """The picture upright, in 8 bits, as grey or sRGB, with alpha if it has any."""
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    grey = upright.mode in {"1", "L", "LA"}
    alpha = "A" if upright.has_transparency_data else ""
    if profile and upright.mode in {"RGB", "RGBA", "CMYK"}:
        wanted = ImageCms.createProfile("sRGB")
        made = ImageCms.profileToProfile(
            upright, ImageCms.ImageCmsProfile(io.BytesIO(profile)), wanted, outputMode="RGB" + alpha
        )
        assert made is not None
        upright = made
    return upright.convert(("L" if grey else "RGB") + alpha)


def _decode_jxl(data: bytes) -> Raster:
    width, height = jxl_size(data)
    if width * height > MOST_PIXELS:
        raise Refused(f"{width * height:,} pixels are more than are held in memory")
    pixels = decode_jxl(data)
    if pixels.ndim > 3:
        raise Refused("an animation, not a picture", stage="skip")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise Refused(f"pixels of {pixels.dtype} are no picture of 8 or 16 bits", stage="skip")
    return _split("jxl", pixels[None])


def _split(format: Format, frames: np.ndarray, beside: int = 2) -> Raster:
    frames = frames[..., None] if frames.ndim == 3 else frames
    colours = 3 if frames.shape[3] >= 3 else 1
    if frames.shape[3] > colours + 1:
        raise Refused(f"{frames.shape[3]} channels, of which only the colours and one more can be kept")
    alpha = np.ascontiguousarray(frames[..., colours:]) if frames.shape[3] > colours else None
    return Raster(format, np.ascontiguousarray(frames[..., :colours]), alpha, beside)
