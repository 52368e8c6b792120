"""Before and after: one small picture that shows both, and figures of what changed."""

import io
from math import log10

import numpy as np
from PIL import Image

from tasks.imaging.value_range import Levels

EDGE = 384  # longest side of each half in pixels


def shown(frame: np.ndarray, levels: Levels, like: np.ndarray | None = None) -> np.ndarray:
    """A frame (h, w, c) of stored values as its window displays it: (h, w, c) float32 in [0, 1].

    Values of more than 8 bits without a window are scaled between the percentiles 0.5 and 99.5 of `like`.
    """
    if not levels.windowed and frame.itemsize > 1:
        low, high = np.percentile(frame if like is None else like, [0.5, 99.5])
        levels = Levels(float(low), float(max(high, low + 1)), levels.inverted)
    return levels.shown(frame)


def preview(before: np.ndarray, after: np.ndarray) -> bytes:
    """The bytes of a WebP with `before` on the left and `after` on the right, both (h, w, c) float in [0, 1]."""
    width, height = _fitting(*before.shape[1::-1])
    both = Image.new("RGB", (2 * width, height))
    for left, pixels in ((0, before), (width, after)):
        values = np.rint(pixels * 255).astype(np.uint8)
        half = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
        if half.size != (width, height):
            half = half.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        both.paste(half, (left, 0))
    out = io.BytesIO()
    both.save(out, "WEBP", quality=80, method=2)  # the default, 4, takes twice as long for a file a tenth smaller
    return out.getvalue()


def _fitting(width: int, height: int) -> tuple[int, int]:
    share = min(1.0, EDGE / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def change_figures(before: np.ndarray, after: np.ndarray) -> dict[str, float | None]:
    """Mean and standard deviation of both, (h, w, c) in [0, 1], and the PSNR between them in dB.

    The PSNR is None where the two are equal or differ in size.
    """
    told: dict[str, float | None] = {
        "brightness_before": float(before.mean()),
        "brightness": float(after.mean()),
        "contrast_before": float(before.std()),
        "contrast": float(after.std()),
    }
    error = float(np.square(after - before).mean()) if before.shape == after.shape else 0.0
    return {**told, "psnr": -10 * log10(error) if error else None}
