"""Masks are filled from around them; damage is found where it is and whole pictures are left alone."""

import cv2
import numpy as np
import pytest
from skimage.data import astronaut, camera, chelsea

from models.filters import Loaded
from models.filters.damage import find_damage
from models.filters.numbers import luma_of
from models.filters.repair import inpaint, inpaint_telea, repair


def photograph(colour: bool = True) -> np.ndarray:
    return np.float32(astronaut()[:256, 100:356] / 255) if colour else np.float32(camera()[60:316, 100:356, None] / 255)


def error(made: np.ndarray, clean: np.ndarray, where: np.ndarray) -> float:
    return float(np.abs(made - clean)[where].mean())


@pytest.mark.parametrize("fill", [inpaint, inpaint_telea])
@pytest.mark.parametrize("colour", [True, False])
def test_mask_is_filled_near_to_what_was_there_and_the_rest_stays_to_the_bit(fill: object, colour: bool) -> None:
    clean = photograph(colour)
    mask = np.zeros(clean.shape[:2], bool)
    mask[50:54, 20:200] = mask[120:128, 60:70] = mask[:6, :6] = True
    spoilt = np.where(mask[..., None], np.float32(1), clean)
    made = fill(spoilt, Loaded("mask.png", mask))  # type: ignore[operator]
    assert error(made, clean, mask) < 0.3 * error(spoilt, clean, mask)
    assert np.array_equal(made[~mask], clean[~mask])


def lines(p: np.ndarray) -> None:
    p[80] = 0
    p[:, 50:52] = 1


def dust(p: np.ndarray) -> None:
    for x, y in ((30, 30), (120, 230), (20, 150), (230, 20)):
        cv2.circle(p, (x, y), 2, (1.0, 1.0, 1.0), -1)


def scratch(p: np.ndarray) -> None:
    cv2.line(p, (205, 5), (245, 235), (0.95, 0.95, 0.95), 2)


def corners(p: np.ndarray) -> None:
    cv2.fillPoly(p, [np.array([[0, 0], [34, 0], [0, 30]])], (1.0, 1.0, 1.0))
    cv2.fillPoly(p, [np.array([[255, 255], [220, 255], [255, 231]])], (1.0, 1.0, 1.0))


@pytest.mark.parametrize("damage", [lines, dust, scratch, corners])
def test_damage_is_found_and_filled(damage: object) -> None:
    clean = np.float32(chelsea()[20:276, 80:336] / 255)
    spoilt = clean.copy()
    damage(spoilt)  # type: ignore[operator]
    where = (spoilt != clean).any(-1)
    narrow, missing = find_damage(luma_of(spoilt), 0.5)
    assert (narrow | missing)[where].mean() > 0.7
    made = repair(spoilt, 0.5)
    assert error(made, clean, where) < 0.5 * error(spoilt, clean, where)


@pytest.mark.parametrize("colour", [True, False])
def test_a_whole_picture_stays_nearly_as_it_is(colour: bool) -> None:
    clean = photograph(colour)
    assert (repair(clean, 0.5) != clean).any(-1).mean() < 0.02


def test_round_field_of_a_scanner_is_no_missing_corner() -> None:
    y, x = np.mgrid[:128, :128] - 63.5
    field = np.where(np.hypot(x, y) < 63, 0.5 + 0.1 * np.sin(x / 9) * np.cos(y / 7), 0).astype(np.float32)
    _, missing = find_damage(field, 1.0)
    assert not missing.any()


def test_blank_and_tiny_pictures_have_no_damage() -> None:
    for picture in (np.zeros((64, 64, 1), np.float32), np.random.default_rng(0).random((9, 9, 1), np.float32)):
        assert np.array_equal(repair(picture, 1.0), picture)
