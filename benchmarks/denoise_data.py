"""Real pictures from installed packages, and noise of a known kind and level."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from tasks.training.data.synthetic_noise import lifted

NOISES: dict[str, tuple[float, ...]] = {
    "gaussian": (15 / 255, 25 / 255, 50 / 255),  # standard deviation
    "poisson": (120, 30, 10),  # photons at white
    "rician": (0.05, 0.1, 0.2),  # standard deviation of both parts of the complex signal whose magnitude is the picture
}


def pictures() -> dict[str, np.ndarray]:
    """Pictures (h, w, 1 or 3) float32 in [0, 1]; the embedded denoiser was trained on none of them."""
    import pydicom
    from pydicom.data import get_testdata_file
    from skimage import data

    def medical(name: str) -> np.ndarray:
        pixels = pydicom.dcmread(get_testdata_file(name)).pixel_array.astype(np.float32)
        return (pixels - pixels.min()) / (pixels.max() - pixels.min())

    sources = {
        "camera": data.camera()[100:356, 100:356] / 255,
        "cell": data.cell()[200:456, 150:406] / 255,
        "astronaut": data.astronaut()[:256, 128:384] / 255,
        "chelsea": data.chelsea()[20:276, 80:336] / 255,
        "coffee": data.coffee()[60:316, 120:376] / 255,
        "CT": medical("CT_small.dcm"),
        "MR": medical("MR_small.dcm"),
    }
    return {name: np.float32(p if p.ndim == 3 else p[..., None]) for name, p in sources.items()}


def noisy(clean: np.ndarray, kind: str, level: float, source: np.random.Generator) -> np.ndarray:
    """Adds noise to a picture (h, w, c) in [0, 1], without clipping: float32 of the same shape."""
    if kind == "gaussian":
        values = clean + level * source.normal(size=clean.shape)
    elif kind == "poisson":
        values = source.poisson(clean * level) / level
    else:
        real, imaginary = level * source.normal(size=(2, *clean.shape))
        values = np.hypot(clean + real, imaginary)
    return np.float32(values)


def unbiased(values: np.ndarray, kind: str, level: float) -> np.ndarray:
    """Removes the Rician bias from a denoised picture (Koay, Basser 2006), in the same way for every method."""
    if kind != "rician":
        return values
    true = np.linspace(0, 2, 2001)
    mean = lifted(torch.from_numpy(true), level).numpy()
    return np.float32(np.interp(values, mean, true))


def conditions(kinds: Iterable[str]) -> Iterator[tuple[str, float]]:
    yield from ((kind, level) for kind in kinds for level in NOISES[kind])


def label(kind: str, level: float) -> str:
    names = {"gaussian": f"Gaussian {level * 255:.0f}", "poisson": f"Poisson {level:.0f}"}
    return names.get(kind, f"Rician {level:.0%}")
