"""Real pictures from installed packages, and noise of a known kind and level."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from tasks.training.data.synthetic_noise import lifted

NOISES: dict[str, tuple[float, ...]] = {
    "gaussian": (15 / 255, 25 / 255, 50 / 255),  # standard deviation
    "poisson": (120, 30, 10),  # photons at white
    "rician": (0.05, 0.1, 0.2),  # standard deviation of both parts of a complex signal, whose magnitude is the picture
}


def pictures() -> dict[str, np.ndarray]:
    """Pictures (h, w, 1 or 3) float32 in [0, 1]; none was seen in the training of the embedded denoiser."""
    import pydicom
    from pydicom.data import get_testdata_file
    from skimage import data

    def medical(name: str) -> np.ndarray:
        pixels = pydicom.dcmread(get_testdata_file(name)).pixel_array.astype(np.float32)
        return (pixels - pixels.min()) / (pixels.max() - pixels.min())

    found = {
        "camera": data.camera()[100:356, 100:356] / 255,
        "cell": data.cell()[200:456, 150:406] / 255,
        "astronaut": data.astronaut()[:256, 128:384] / 255,
        "chelsea": data.chelsea()[20:276, 80:336] / 255,
        "coffee": data.coffee()[60:316, 120:376] / 255,
        "CT": medical("CT_small.dcm"),
        "MR": medical("MR_small.dcm"),
    }
    return {name: np.float32(p if p.ndim == 3 else p[..., None]) for name, p in found.items()}


def noisy(clean: np.ndarray, kind: str, level: float, source: np.random.Generator) -> np.ndarray:
    """The picture with noise, not clipped: (h, w, c) float32."""
    if kind == "gaussian":
        made = clean + level * source.normal(size=clean.shape)
    elif kind == "poisson":
        made = source.poisson(clean * level) / level
    else:
        real, imaginary = level * source.normal(size=(2, *clean.shape))
        made = np.hypot(clean + real, imaginary)
    return np.float32(made)


def unbiased(made: np.ndarray, kind: str, level: float) -> np.ndarray:
    """Takes the lift of a magnitude's mean out of a denoised picture (Koay, Basser 2006); of every method's alike."""
    if kind != "rician":
        return made
    true = np.linspace(0, 2, 2001)
    mean = lifted(torch.from_numpy(true), level).numpy()
    return np.float32(np.interp(made, mean, true))


def conditions(kinds: Iterable[str]) -> Iterator[tuple[str, float]]:
    yield from ((kind, level) for kind in kinds for level in NOISES[kind])


def label(kind: str, level: float) -> str:
    names = {"gaussian": f"Gaussian {level * 255:.0f}", "poisson": f"Poisson {level:.0f}"}
    return names.get(kind, f"Rician {level:.0%}")
