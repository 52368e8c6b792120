"""Checkpoints that edit: each family's call gets picture, instruction and mask, and gives the picture's size back."""

import pytest
import torch
from torch import Tensor

from models.diffusers.editor import open_editor
from tests.models.diffusers.checkpoints import Checkpoints

EDITORS = ("instruct-pix2pix", "flux-kontext", "flux2-klein")
INPAINTING = ("sd1-inpaint", "sdxl")  # a checkpoint for it, and one of text to picture


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    return Checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def picture() -> Tensor:
    return torch.rand(3, 72, 100, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def mask() -> Tensor:
    mask = torch.zeros(1, 72, 100)
    mask[:, 20:60, 30:70] = 1
    return mask


def differ(one: Tensor, other: Tensor) -> bool:
    return not torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("family", EDITORS)
def test_an_edit_follows_picture_instruction_and_seed(family: str, checkpoints: Checkpoints, picture: Tensor) -> None:
    editor = open_editor(str(checkpoints(family)), "cpu")
    assert not editor.inpaints
    made = editor.edit(picture, "make it red", 7, steps=1)
    assert made.shape == picture.shape and made.min() >= 0 and made.max() <= 1
    assert torch.equal(made, editor.edit(picture, "make it red", 7, steps=1))
    assert differ(made, editor.edit(1 - picture, "make it red", 7, steps=1))
    assert differ(made, editor.edit(picture, "a winter night", 7, steps=1))
    assert differ(made, editor.edit(picture, "make it red", 8, steps=1))


@pytest.mark.parametrize("family", INPAINTING)
def test_inpainting_follows_the_mask(family: str, checkpoints: Checkpoints, picture: Tensor, mask: Tensor) -> None:
    editor = open_editor(str(checkpoints(family)), "cpu")
    assert editor.inpaints
    made = editor.edit(picture, "a red car", 7, mask, steps=1)
    assert made.shape == picture.shape
    assert differ(made, editor.edit(picture, "a red car", 7, 1 - mask, steps=1))


def test_a_checkpoint_is_known_by_all_its_weights(checkpoints: Checkpoints) -> None:
    one, other = (open_editor(str(checkpoints(family)), "cpu") for family in ("instruct-pix2pix", "sd1-inpaint"))
    assert len(one.digest) == 64 and one.digest != other.digest
    assert one.name == "instruct-pix2pix"


def test_what_edits_nothing_is_refused(checkpoints: Checkpoints, tmp_path: object) -> None:
    with pytest.raises(ValueError, match="edits no pictures and inpaints none; choose InstructPix2Pix"):
        open_editor(str(checkpoints("sana")), "cpu")
    with pytest.raises(ValueError, match="no diffusers checkpoint"):
        open_editor(str(tmp_path), "cpu")
