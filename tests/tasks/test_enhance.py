"""Chains are read or refused in one sentence, and applied row by row without leaving [0, 1]."""

import pickle

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from models.filters import STEPS
from tasks import enhance as module
from tasks.enhance import EnhanceOptions, enhance, parse_chain
from tasks.errors import BadInput

EVERY_STEP = "denoise:0.3,brightness:1.2,contrast:1.3,saturation:0.7,temperature:-30,tint:8,sharpen:1.5,contrast:0.9"


def pictures(rows: int = 5, size: int = 40) -> Tensor:
    return torch.rand(rows, 3, size, size, generator=torch.Generator().manual_seed(3))


def test_chain_keeps_order_repeats_and_spaces() -> None:
    chain = parse_chain(" denoise:0.3 , Contrast : 1.1,denoise:1 ")
    assert [(step.name, value) for step, value in chain] == [("denoise", 0.3), ("contrast", 1.1), ("denoise", 1.0)]


@pytest.mark.parametrize("text", ["", "  "])
def test_empty_chain_leaves_pictures_alone(text: str) -> None:
    images = pictures()
    assert enhance(images, parse_chain(text)) is images


def test_chain_of_neutral_values_leaves_pictures_alone() -> None:
    images = pictures()
    chain = parse_chain(",".join(f"{step.name}:{step.neutral}" for step in STEPS.values()))
    assert enhance(images, chain) is images


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("denoize:0.3", "unknown step 'denoize': did you mean 'denoise'?"),
        ("warmth:0.3,contrast:1", "unknown step 'warmth': "),
        ("zzz:1", "the steps are brightness, contrast, denoise"),
        ("contrast", "its number is missing: contrast takes 0 to 4 \\(factor; 1 changes nothing\\)"),
        ("contrast:", "its number is missing"),
        ("contrast:high", "'high' is not a number"),
        ("contrast:1.1:2", "'1.1:2' is not a number"),
        ("contrast:9", "'contrast:9' is out of range: contrast takes 0 to 4"),
        ("temperature:-81", "out of range: temperature takes -80 to 200 \\(mired"),
        ("contrast:nan", "out of range"),
        ("contrast:inf", "out of range"),
        ("contrast:1.1,,denoise:0.3", "has an empty step: remove the extra comma"),
        ("contrast:1.1,", "has an empty step"),
        (":1", "unknown step ''"),
    ],
)
def test_bad_chain_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        parse_chain(text)
    assert "\n" not in str(caught.value)


def test_options_refuse_a_bad_chain_when_they_are_made() -> None:
    assert EnhanceOptions().enhance == ""
    with pytest.raises(ValidationError, match="did you mean 'sharpen'"):
        EnhanceOptions(enhance="sharpn:1")


def test_every_step_in_a_row_keeps_shape_range_and_input() -> None:
    images = pictures()
    before = images.clone()
    result = enhance(images, parse_chain(EVERY_STEP))
    assert result.shape == images.shape and result.dtype == torch.float32
    assert result.min() >= 0 and result.max() <= 1
    assert torch.equal(images, before)


def test_row_is_byte_identical_alone_and_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    images, chain = pictures(7), parse_chain(EVERY_STEP)
    together = enhance(images, chain)
    for row in range(7):
        assert torch.equal(enhance(images[row : row + 1], chain)[0], together[row])
    assert torch.equal(enhance(images.flip(0), chain).flip(0), together)
    monkeypatch.setattr(module, "PIXELS_AT_ONCE", {"cpu": 1})
    assert torch.equal(enhance(images, chain), together)


def test_no_pictures_give_no_pictures() -> None:
    assert enhance(torch.empty(0, 3, 8, 8), parse_chain(EVERY_STEP)).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("images", [torch.rand(3, 8, 8), torch.rand(2, 1, 8, 8), torch.zeros(1, 3, 8, 8).byte()])
def test_pictures_of_another_kind_are_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="must be a float tensor"):
        enhance(images, parse_chain("contrast:1.1"))


def test_chain_travels_to_another_process() -> None:
    chain = parse_chain(EVERY_STEP)
    assert pickle.loads(pickle.dumps(chain)) == chain
