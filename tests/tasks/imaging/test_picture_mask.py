"""Outside of a mask nothing changes, to the bit."""

import io

import pytest
import torch
from PIL import Image

from tasks.imaging.picture_mask import blended, cropped, read_mask


def test_outside_of_the_mask_pixels_are_the_very_same() -> None:
    images, changed = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    mask = torch.zeros(1, 8, 8)
    mask[:, 2:5, 2:5] = torch.rand(3, 3).clamp(min=0.1)
    made = blended(images, changed, mask)
    assert torch.equal(made[..., 5:, :], images[..., 5:, :])
    assert torch.equal(made[..., :2, :], images[..., :2, :])
    assert not torch.equal(made[..., 3, 3], images[..., 3, 3])


def test_a_mask_of_another_size_is_stretched_and_one_of_another_shape_refused() -> None:
    images, changed = torch.zeros(1, 3, 8, 16), torch.ones(1, 3, 8, 16)
    assert blended(images, changed, torch.ones(1, 16, 32)).min() == 1
    with pytest.raises(ValueError, match="the mask is of 8 x 8 pixels, another shape than the picture's 16 x 8"):
        blended(images, changed, torch.ones(1, 8, 8))


def test_crops_are_the_largest_of_their_shape() -> None:
    assert cropped(torch.zeros(1, 3, 100, 200), "1:1").shape == (1, 3, 100, 100)
    assert cropped(torch.zeros(1, 3, 100, 100), "4:5").shape == (1, 3, 100, 80)


def test_a_mask_that_is_no_picture_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="white where pictures may change"):
        read_mask(b"nothing")
    file = io.BytesIO()
    Image.new("L", (4, 4), 255).save(file, "PNG")
    assert read_mask(file.getvalue()).min() == 1
