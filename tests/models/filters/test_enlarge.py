"""A picture made larger keeps what it had, is nearer to the truth than bicubic, and loses no bits."""

import cv2
import numpy as np
import pytest
from skimage.data import astronaut, camera

from models.filters.enlarge import upscale


def small(picture: np.ndarray, times: int) -> np.ndarray:
    height, width = picture.shape[0] // times, picture.shape[1] // times
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, -1)


@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.parametrize("colour", [True, False])
def test_larger_picture_is_nearer_to_the_truth_than_bicubic(times: int, colour: bool) -> None:
    clean = np.float32((astronaut()[:256, 100:356] if colour else camera()[60:316, 100:356, None]) / 255)
    given = small(clean, times)
    cubic = cv2.resize(given, (256, 256), interpolation=cv2.INTER_CUBIC).reshape(clean.shape)
    made = upscale(given, str(times))
    assert made.shape == clean.shape
    gain = 10 * np.log10(((cubic - clean) ** 2).mean() / ((made - clean) ** 2).mean())
    assert gain > 0.4
    assert np.abs(small(made, times) - given).mean() < 0.5 * np.abs(small(cubic, times) - given).mean()


def test_flat_and_tiny_pictures_stay_what_they_are() -> None:
    assert np.allclose(upscale(np.full((5, 3, 1), 0.4, np.float32), "4"), 0.4, atol=1e-6)
    assert upscale(np.random.default_rng(0).random((1, 1, 3), np.float32), "2").shape == (2, 2, 3)
