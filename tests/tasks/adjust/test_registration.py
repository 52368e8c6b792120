"""Edits of a checkpoint stay where they belong: aligned, measured, and exact where nothing was to change."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from tasks.adjust.registration import composited

SIZE = 256


@pytest.fixture(scope="module")
def picture() -> Tensor:
    """Something with detail everywhere, larger than what is seen of it, so that it can move."""
    chance = np.random.default_rng(3)
    field = sum(
        cv2.resize(chance.random((edge, edge, 3)).astype(np.float32), (SIZE + 64,) * 2, interpolation=cv2.INTER_CUBIC)
        for edge in (8, 24, 80)
    )
    return torch.from_numpy((field / 3).clip(0, 1)).permute(2, 0, 1)


def seen(picture: Tensor, x: int = 0, y: int = 0) -> Tensor:
    return picture[:, 32 + y : 32 + y + SIZE, 32 + x : 32 + x + SIZE].clone()


def with_square(picture: Tensor) -> Tensor:
    """The edit that was asked for: a red square."""
    made = picture.clone()
    made[:, 96:160, 96:160] = torch.tensor([0.95, 0.05, 0.05])[:, None, None]
    return made


@pytest.fixture(scope="module")
def mask() -> Tensor:
    mask = torch.zeros(1, SIZE, SIZE)
    mask[:, 90:166, 90:166] = 1
    return mask


def test_outside_of_the_mask_the_original_stands_to_the_bit(picture: Tensor, mask: Tensor) -> None:
    original = seen(picture)
    edited = (with_square(original) * 0.97 + 0.01 * torch.rand(3, SIZE, SIZE)).clamp(
        0, 1
    )  # editors change all a little
    made, shift = composited(original, edited, mask)
    assert torch.equal(made[:, mask[0] == 0], original[:, mask[0] == 0])
    assert (made[0, 128, 128] - made[1, 128, 128]) > 0.8
    assert shift is not None and shift < 0.2


@pytest.mark.parametrize("moved", [(5, -3), (18, 9)])
def test_an_edit_that_has_moved_is_laid_over_the_original(
    picture: Tensor, mask: Tensor, moved: tuple[int, int]
) -> None:
    original, shifted = seen(picture), seen(picture, *moved)
    x, y = moved
    edited = shifted.clone()
    edited[:, 96 - y : 160 - y, 96 - x : 160 - x] = torch.tensor([0.95, 0.05, 0.05])[:, None, None]
    made, shift = composited(original, edited, mask)
    assert shift is not None and shift < 0.5
    red = ((made[0] - made[1]) > 0.6)[80:176, 80:176].nonzero().float().mean(0) + 80
    assert (red - 127.5).abs().max() < 1


def test_an_edit_that_has_grown_is_laid_over_the_original(picture: Tensor, mask: Tensor) -> None:
    original = seen(picture)
    large = torch.nn.functional.interpolate(with_square(original)[None], scale_factor=1.06, mode="bicubic")[0]
    edge = (large.shape[-1] - SIZE) // 2
    made, shift = composited(original, large[:, edge : edge + SIZE, edge : edge + SIZE].clamp(0, 1), mask)
    assert shift is not None and shift < 0.7
    assert torch.equal(made[:, mask[0] == 0], original[:, mask[0] == 0])


def test_an_edit_that_is_warped_is_caught(picture: Tensor, mask: Tensor) -> None:
    original = seen(picture)
    torn = torch.cat([seen(picture, 0, 7)[..., : SIZE // 2], seen(picture, 0, -7)[..., SIZE // 2 :]], -1)
    for given in (mask, None):
        with pytest.raises(ValueError, match=r"moved what was to stay by \d+\.\d pixels"):
            composited(original, with_square(torn), given)


def test_without_a_mask_only_what_differs_is_taken(picture: Tensor) -> None:
    original = seen(picture)
    made, shift = composited(original, (with_square(original) + 0.02).clamp(0, 1), None)
    assert shift is not None and shift < 0.2
    same = (made == original).all(0)
    assert 0.7 < float(same.float().mean()) < 0.95
    assert same[:80].all() and (made[0, 128, 128] - made[1, 128, 128]) > 0.8


def test_what_cannot_be_recognised_has_no_shift(picture: Tensor, mask: Tensor) -> None:
    original = seen(picture)
    made, shift = composited(original, torch.rand(3, SIZE, SIZE), mask)
    assert shift is None
    assert torch.equal(made[:, mask[0] == 0], original[:, mask[0] == 0])
