"""Augmentation: varied pictures stay right, and so do varied captions."""

import pytest
import torch

from models.text_features import Features
from tasks.training.data.augment import WORDINGS, Augmentation, may_mirror, reworded


@pytest.mark.parametrize(
    ("caption", "allowed"),
    [
        ("a dog on the beach", True),
        ("a dog left of a cat", False),
        ("狗在猫的左边", False),
        ("海边的狗", True),
        ("alarm clock", False),
        ("a bright lighthouse", True),
    ],
)
def test_captions_that_name_a_side_or_something_that_is_read_forbid_mirroring(caption: str, allowed: bool) -> None:
    assert may_mirror(caption) is allowed


def test_pictures_are_mirrored_only_where_it_is_allowed() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(6, 3, 16, 16)
    allowed = torch.tensor([True, False] * 3)
    made = Augmentation(mirror=1.0, crop=0, colour=0).pictures(pictures, allowed)
    assert torch.allclose(made[allowed], pictures[allowed].flip(-1), atol=1e-5)
    assert torch.allclose(made[~allowed], pictures[~allowed], atol=1e-5)


def test_crops_and_colours_vary_within_their_bounds_and_each_picture_in_its_own_way() -> None:
    torch.manual_seed(0)
    grey = torch.full((32, 3, 16, 16), 0.5)
    made = Augmentation(mirror=0, crop=0.2, colour=0.1).pictures(grey, torch.ones(32, dtype=torch.bool))
    levels = made.mean((1, 2, 3))
    assert levels.unique().numel() > 16
    assert (levels - 0.5).abs().max() <= 0.1 + 1e-5
    ramp = torch.linspace(0, 1, 16).expand(32, 3, 16, 16)
    cut = Augmentation(mirror=0, crop=0.2, colour=0).pictures(ramp, torch.ones(32, dtype=torch.bool))
    assert (cut.amax((1, 2, 3)) - cut.amin((1, 2, 3))).min() > 0.7
    assert (cut - ramp).abs().mean() > 0.01


def test_hidden_tokens_leave_the_first_and_half_of_every_text() -> None:
    torch.manual_seed(0)
    mask = torch.arange(12) < torch.tensor([[1], [2], [5], [12]])
    words = Features(torch.ones(4, 12, 3) * mask[..., None], mask)
    for drop in (0.3, 0.95):
        made = Augmentation(drop=drop).words(words)
        assert made[:, 0].all()
        assert (made.sum(1) * 2 >= mask.sum(1)).all()
        assert not (made & ~mask).any()


def test_other_wordings_keep_the_caption_and_its_language() -> None:
    assert {reworded("a red car.", n) for n in range(WORDINGS)} == {
        "a picture of a red car",
        "an image that shows a red car",
        "draw a red car",
    }
    assert all("红车" in reworded("红车。", n) and "。" not in reworded("红车。", n) for n in range(WORDINGS))
