"""Denoisers on real pictures with known noise: PSNR, SSIM and CPU seconds per megapixel.

    python -m benchmarks.denoise                          # trains on the noisy pictures first (minutes)
    python -m benchmarks.denoise --trained out/bench      # keeps the trained denoisers there, and reuses them
    python -m benchmarks.denoise --steps 0                # without training
    python -m benchmarks.denoise --start none --steps 4000 --noise gaussian  # from scratch, on the noisy pictures

Classical filters get the true noise level (its root mean square); the learned ones don't. `learned` is the embedded
denoiser; `learned, archive` is the one fine-tuned by `imagemill train denoiser` on the noisy pictures of one kind of
noise alone, all three levels together, as an archive of 16-bit files.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.metrics import structural_similarity
from skimage.restoration import calibrate_denoiser, denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from benchmarks.denoise_data import NOISES, conditions, label, noisy, pictures, unbiased
from flows.jobs.train import DenoiserJob
from flows.train import run_training
from models.filters import STEPS, Loaded

Method = Callable[[np.ndarray, float, str], np.ndarray]  # (picture, noise level, kind of noise) -> picture
CLASSICAL = ("denoise", "denoise-nlm", "denoise-bilateral", "denoise-wavelet", "denoise-tv")
LEARNED = ("learned", "learned, archive")


def shipped(name: str, value: Callable[[float, str], object]) -> Method:
    """A step of the enhancement chain, called as the chain does; `value` gives its argument."""

    def run(picture: np.ndarray, level: float, kind: str) -> np.ndarray:
        images = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
        return STEPS[name].apply(images, value(level, kind))[0].numpy().transpose(1, 2, 0)

    return run


def calibrated(function: Callable[..., np.ndarray], choices: Callable[[float], dict[str, list[object]]]) -> Method:
    """A filter of scikit-image with the parameters that predict held-out pixels best (Batson, Royer 2019)."""

    def run(picture: np.ndarray, level: float, kind: str) -> np.ndarray:
        grey = picture.shape[-1] == 1
        pixels = picture[..., 0] if grey else picture
        parameters = {**choices(level), "channel_axis": [None if grey else -1]}
        _, (tested, losses) = calibrate_denoiser(pixels, function, parameters, extra_output=True)
        return np.float32(function(pixels, **tested[int(np.argmin(losses))])).reshape(picture.shape)

    return run


def methods(trained: dict[str, Path]) -> dict[str, Method]:
    """All methods compared; `trained` has a checkpoint for each kind of noise, or is empty."""
    by_name = {"noisy": lambda picture, level, kind: picture}
    for name in CLASSICAL:
        by_name[name] = shipped(name, lambda level, kind: min(0.5, level))
    by_name["denoise"] = shipped("denoise", lambda level, kind: min(1.0, 10 * level))  # in the step's own unit
    around = (0.7, 1.0, 1.4)
    by_name["scikit-image NLM, calibrated"] = calibrated(
        denoise_nl_means, lambda level: {"h": [k * 0.8 * level for k in around], "sigma": [level], "patch_size": [5]}
    )
    by_name["scikit-image TV, calibrated"] = calibrated(
        denoise_tv_chambolle, lambda level: {"weight": [k * level for k in around]}
    )
    by_name["scikit-image wavelet, calibrated"] = calibrated(
        denoise_wavelet,
        lambda level: {"sigma": [k * level for k in around], "wavelet": ["db1", "db2"], "rescale_sigma": [True]},
    )
    by_name[LEARNED[0]] = shipped("denoise-learned", lambda level, kind: Loaded("default", "default"))
    if trained:
        by_name[LEARNED[1]] = shipped("denoise-learned", lambda level, kind: Loaded("", str(trained[kind])))
    return by_name


def noisy_pictures(kind: str, level: float) -> dict[str, np.ndarray]:
    """All pictures (h, w, 1 or 3) with this noise, reproducibly."""
    source = np.random.default_rng([list(NOISES).index(kind), round(level * 1e4)])
    return {name: noisy(clean, kind, level, source) for name, clean in pictures().items()}


def train(kind: str, out: Path, steps: int, start: str) -> Path:
    """Trains a denoiser on nothing but the noisy pictures of one kind of noise."""
    with tempfile.TemporaryDirectory() as archive:
        for level in NOISES[kind]:
            for name, picture in noisy_pictures(kind, level).items():
                held = np.rint((picture / 4 + 0.25).clip(0, 1) * 65535).astype(np.uint16)  # headroom for the noise
                if not cv2.imwrite(f"{archive}/{label(kind, level)} {name}.png", held[..., ::-1]):
                    raise OSError(f"{archive} cannot be written.")
        run_training(DenoiserJob(archive=archive, out=out, steps=steps, start=start, patches=1024))
    return out


def compare(
    by_name: dict[str, Method], kinds: list[str]
) -> tuple[dict[str, list[tuple[float, float]]], dict[str, float]]:
    """For each method the mean (PSNR in decibels, SSIM) under each condition, and its CPU seconds per megapixel."""
    cleans = pictures()
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in by_name}
    seconds, pixels = dict.fromkeys(by_name, 0.0), 0
    for kind, level in conditions(kinds):
        noised = noisy_pictures(kind, level)
        pixels += sum(clean.shape[0] * clean.shape[1] for clean in cleans.values())
        for name, method in by_name.items():
            each = []
            for picture, clean in cleans.items():
                began = time.process_time()
                output = method(noised[picture], _level(noised[picture], clean), kind)
                seconds[name] += time.process_time() - began
                each.append(score(unbiased(output, kind, level), clean))
            psnr, ssim = np.mean(each, 0)
            scores[name].append((float(psnr), float(ssim)))
    return scores, {name: total / pixels * 1e6 for name, total in seconds.items()}


def _level(noised: np.ndarray, clean: np.ndarray) -> float:
    return float(np.sqrt(np.mean((noised - clean) ** 2)))


def score(output: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """PSNR in decibels and SSIM of pictures (h, w, 1 or 3) in [0, 1]."""
    output = output.clip(0, 1)
    alike = structural_similarity(
        output, clean, data_range=1, channel_axis=-1, gaussian_weights=True, use_sample_covariance=False
    )
    return -10 * float(np.log10(np.mean((output - clean) ** 2))), float(alike)


def table(scores: dict[str, list[tuple[float, float]]], seconds: dict[str, float], kinds: list[str]) -> str:
    """Markdown: methods as rows, conditions as columns, and the learned ones' gain over the best classical one."""
    columns = [label(*condition) for condition in conditions(kinds)]
    lines = ["| PSNR / SSIM | " + " | ".join(columns) + " | mean | s/MP |", "|---" * (len(columns) + 3) + "|"]
    for name, values in scores.items():
        cells = [f"{psnr:.2f} / {ssim:.3f}" for psnr, ssim in [*values, tuple(np.mean(values, 0))]]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {seconds[name]:.2f} |")
    for learned in (name for name in LEARNED if name in scores):
        best = [max(scores[name][i][0] for name in CLASSICAL) for i in range(len(columns))]
        won = [scores[learned][i][0] - best[i] for i in range(len(columns))]
        cells = [f"{gain:+.2f}" for gain in [*won, float(np.mean(won))]]
        lines.append(f"| {learned}, over the best filter shipped | " + " | ".join(cells) + " | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="training steps for each kind of noise; 0 for none")
    parser.add_argument("--start", default="default", help="checkpoint to start from; none: train from scratch")
    parser.add_argument("--noise", choices=list(NOISES), help="only this kind of noise")
    parser.add_argument("--trained", type=Path, help="folder for the trained denoisers")
    options = parser.parse_args()
    kinds = [options.noise] if options.noise else list(NOISES)
    with tempfile.TemporaryDirectory() as scratch:
        base = options.trained or Path(scratch)
        trained = {kind: train(kind, base / kind, options.steps, options.start) for kind in kinds if options.steps}
        print(table(*compare(methods(trained), kinds), kinds))


if __name__ == "__main__":
    main()
