"""Super-resolution of real photographs: PSNR, SSIM and seconds a megapixel of the result.

    python -m benchmarks.upscale

Photographs of scikit-image are made four times smaller by averaging; each way enlarges them again. One thread. The
learned ways are made for worse pictures than these and to please the eye, which costs decibels.
"""

import time

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from models.filters import STEPS

WAYS = ("bicubic", "upscale:4", "upscale-learned:4", "upscale-learned:4:x4plus-anime", "upscale-learned:4:x4plus")


def photographs() -> dict[str, np.ndarray]:
    """Crops (256, 256, 3) uint8, by name."""
    whole = {"astronaut": data.astronaut(), "cat": data.chelsea(), "coffee": data.coffee(), "rocket": data.rocket()}
    return {name: np.ascontiguousarray(picture[20:276, 100:356]) for name, picture in whole.items()}


def enlarged(small: np.ndarray, way: str) -> np.ndarray:
    """A picture (h, w, 3) float32 in [0, 1], four times as wide and high."""
    if way == "bicubic":
        size = 4 * small.shape[1], 4 * small.shape[0]
        return np.clip(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), 0, 1)
    name, _, value = way.partition(":")
    images = torch.from_numpy(small).permute(2, 0, 1)[None]
    return STEPS[name].apply(images, value)[0].clamp(0, 1).permute(1, 2, 0).numpy()


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    table = Table("", "PSNR, dB", "SSIM", "s a megapixel")
    for way in WAYS:
        enlarged(np.zeros((16, 16, 3), np.float32), way)  # loads
        figures = []
        for picture in photographs().values():
            small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
            started = time.perf_counter()
            made = np.uint8(enlarged(np.float32(small) / 255, way) * 255 + 0.5)
            seconds = (time.perf_counter() - started) / (made[..., 0].size / 1e6)
            likeness = structural_similarity(picture, made, channel_axis=-1)
            figures.append((peak_signal_noise_ratio(picture, made), likeness, seconds))
        decibels, likeness, seconds = np.mean(figures, axis=0)
        table.add_row(way, f"{decibels:.2f}", f"{likeness:.3f}", f"{seconds:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
