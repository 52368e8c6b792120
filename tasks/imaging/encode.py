"""Encode pictures to PNG, JPEG or WebP files that carry their own prompt, seed, model and settings."""

import io
import json
from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

Format = Literal["png", "jpeg", "webp"]
SUFFIX: dict[str, str] = {"png": "png", "jpeg": "jpg", "webp": "webp"}
LUMA = np.array([0.299, 0.587, 0.114]) / 255
EXIF_DESCRIPTION, EXIF_SOFTWARE, EXIF_TAGS, EXIF_COMMENT = 0x010E, 0x0131, 0x8769, 0x9286


def to_uint8(pixels: Tensor) -> np.ndarray:
    """(3, h, w) float in [0, 1] to (h, w, 3) uint8, rounded to nearest.

    The rest works on NumPy arrays: small torch operations in many threads would each start a thread pool.
    """
    if pixels.dtype == torch.uint8:
        return np.ascontiguousarray(pixels.numpy().transpose(1, 2, 0))
    return np.ascontiguousarray(np.rint(pixels.numpy().clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))


def quality_figures(pixels: np.ndarray) -> dict[str, float]:
    """Quality figures of one picture (h, w, 3) uint8, computed on its luma (ITU-R BT.601) in [0, 1].

    brightness: mean; contrast: standard deviation; sharpness: variance of the 4-neighbour Laplacian, a usual measure of
    focus (Pech-Pacheco et al. 2000).
    """
    luma = pixels @ LUMA
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    return {
        "brightness": float(luma.mean()),
        "contrast": float(luma.std()),
        "sharpness": float(laplacian.var()) if laplacian.size else 0.0,
    }


def encode_picture(pixels: np.ndarray, format: Format, quality: int, info: Mapping[str, str]) -> bytes:
    """One picture (h, w, 3) uint8 as the bytes of a file.

    Args:
        quality: of JPEG and WebP, 1 to 100.
        info: what the file says about itself. PNG: one text chunk (iTXt, UTF-8) per key. JPEG and WebP: EXIF
            ImageDescription holds `prompt`, and UserComment all of it as JSON.
    """
    image = Image.fromarray(pixels)
    out = io.BytesIO()
    if format == "png":
        chunks = PngImagePlugin.PngInfo()
        for key, value in info.items():
            chunks.add_itxt(key, value)
        image.save(out, "PNG", pnginfo=chunks)
        return out.getvalue()
    exif = Image.Exif()
    exif[EXIF_DESCRIPTION] = info["prompt"]
    exif[EXIF_SOFTWARE] = "imagemill"
    exif.get_ifd(EXIF_TAGS)[EXIF_COMMENT] = b"UNICODE\0" + json.dumps(dict(info), ensure_ascii=True).encode("utf-16-be")
    image.save(out, format.upper(), quality=quality, exif=exif)
    return out.getvalue()
