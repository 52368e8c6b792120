"""A picture takes a reference's colours and strokes and still shows what it showed."""

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import cKDTree
from skimage.data import brick, chelsea

from models.filters import Loaded
from models.filters.colour import palette
from models.filters.style import style

PICTURE = np.float32(chelsea()[40:168, 100:228] / 255)
WALL = np.repeat(np.float32(brick()[:160, :160, None] / 255), 3, 2)


def unlike_the_wall(picture: np.ndarray) -> float:
    """How far a picture's 7 x 7 patches are from the nearest of the wall's."""
    ours, walls = (sliding_window_view(p.mean(-1), (7, 7))[::3, ::3].reshape(-1, 49) for p in (picture, WALL))
    return float(cKDTree(walls).query(ours)[0].mean())


def test_colours_and_strokes_come_from_the_reference_and_the_picture_stays() -> None:
    made = style(PICTURE, Loaded("wall.png", WALL))
    assert np.abs(made.max(-1) - made.min(-1)).mean() < 0.02  # grey, as the wall is
    assert abs(made.mean() - WALL.mean()) < 0.05
    only_colours = palette(PICTURE, Loaded("wall.png", WALL))
    assert unlike_the_wall(made) < 0.6 * unlike_the_wall(only_colours)
    assert np.corrcoef(cv2.blur(made.mean(-1), (9, 9)).ravel(), cv2.blur(PICTURE.mean(-1), (9, 9)).ravel())[0, 1] > 0.7


def test_strength_is_a_share_and_a_small_reference_serves() -> None:
    whole = style(PICTURE, Loaded("wall.png", WALL[:20, :24]))
    half = style(PICTURE, Loaded("wall.png", WALL[:20, :24], 0.5))
    assert np.allclose(half, (PICTURE + whole) / 2, atol=1e-5)
