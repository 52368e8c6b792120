"""Tone and detail steps do what their unit says."""

import numpy as np
import pytest
import torch
from skimage.exposure import equalize_adapthist

from models.filters.arguments import AUTO
from models.filters.tone import clahe, gamma, sharpen, window


def test_gamma_above_one_lifts_mid_tones_and_keeps_both_ends() -> None:
    made = gamma(torch.tensor([0.0, 0.25, 1.0]).view(1, 1, 1, 3), 2.0).flatten()
    assert made.tolist() == pytest.approx([0, 0.5, 1])


def test_window_stretches_what_it_shows() -> None:
    made = window(np.float32([0.3, 0.4, 0.5]).reshape(1, 3, 1), (0.4, 0.2)).ravel()
    assert made.tolist() == pytest.approx([0, 0.5, 1], abs=1e-6)


def test_auto_window_ignores_a_few_outliers() -> None:
    picture = np.linspace(0.4, 0.5, 10000, dtype=np.float32).reshape(100, 100, 1)
    picture[0, 0], picture[0, 1] = 0, 1
    made = window(picture, AUTO)
    assert np.percentile(made, (0.5, 99.5)).tolist() == pytest.approx([0, 1], abs=1e-3)


def test_clahe_brings_out_what_scikit_image_does() -> None:
    rng = np.random.default_rng(0)
    shade = np.linspace(0.1, 0.9, 256)[None, :] + np.zeros((256, 1))
    picture = (shade + 0.02 * np.sign(np.sin(np.arange(256) / 5))[:, None] + rng.normal(0, 0.003, shade.shape)).clip(
        0, 1
    )
    ours = clahe(np.float32(picture)[..., None], 4.0)[..., 0]
    theirs = equalize_adapthist(picture, kernel_size=32, clip_limit=4 / 256, nbins=256)

    def stripes(p: np.ndarray) -> float:
        return float(np.abs(np.diff(p[96:160, 96:160], axis=0)).mean())

    assert stripes(ours) > 2 * stripes(picture)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.97


def test_clahe_keeps_the_differences_between_colours() -> None:
    picture = np.random.default_rng(0).random((40, 40, 3), np.float32)
    made = clahe(picture, 3.0)
    assert np.allclose(made[..., 0] - made[..., 1], picture[..., 0] - picture[..., 1], atol=1e-6)


def test_sharpen_steepens_an_edge_and_leaves_flat_parts() -> None:
    edge = torch.full((1, 3, 48, 48), 0.2)
    edge[..., 24:] = 0.8
    sharp = sharpen(edge, 1)
    assert sharp[0, 0, 24, 24] > 0.85 and sharp[0, 0, 24, 23] < 0.15
    assert torch.allclose(sharp[..., :20], edge[..., :20], atol=1e-6)
