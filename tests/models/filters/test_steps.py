"""What all steps promise: a neutral value changes nothing, rows stay apart, 16 bits stay, CPU and GPU agree."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.filters import STEPS, Loaded, Step, numbers, step
from models.filters.arguments import AUTO, Choice, File, Number, Window

NAMES = sorted(name for name, step in STEPS.items() if not isinstance(step.argument, File))
NUMBERS = sorted(name for name, step in STEPS.items() if isinstance(step.argument, Number))
BATCHED = sorted(name for name, step in STEPS.items() if not step.each and not isinstance(step.argument, File))
MASK = np.zeros((33, 29), bool)
MASK[10:14, 8:20] = True


def pictures(rows: int = 3, height: int = 33, width: int = 29, channels: int = 3) -> Tensor:
    return torch.rand(rows, channels, height, width, generator=torch.Generator().manual_seed(7))


def value_of(step: Step, height: int = 33, width: int = 29) -> Any:
    """A value that changes something."""
    match step.argument:
        case Number(low, high):
            return low + 0.4 * (high - low)
        case Choice(options):
            return options[0]
        case Window():
            return (0.4, 0.5)
        case File("mask"):
            return Loaded(
                "mask.png", np.pad(MASK, ((0, max(0, height - 33)), (0, max(0, width - 29))))[:height, :width]
            )
        case File("picture"):
            return Loaded("ref.png", pictures(1, 20, 30)[0].permute(1, 2, 0).numpy() ** 2)
    raise AssertionError(step)


STEPS_WITHOUT_CHECKPOINT = sorted(
    name for name, step in STEPS.items() if not (isinstance(step.argument, File) and step.argument.kind == "checkpoint")
)


@pytest.mark.parametrize("name", NUMBERS)
def test_neutral_value_is_identity_to_the_bit(name: str) -> None:
    argument = STEPS[name].argument
    assert isinstance(argument, Number)
    assert argument.idle(argument.neutral)
    assert torch.equal(STEPS[name].apply(pictures(), argument.neutral), pictures())


@pytest.mark.parametrize("name", NUMBERS)
def test_both_ends_of_the_range_change_the_picture_and_stay_finite(name: str) -> None:
    argument = STEPS[name].argument
    assert isinstance(argument, Number)
    images = pictures()
    for value in {argument.low, argument.high} - {argument.neutral}:
        changed = STEPS[name].apply(images, value)
        assert changed.shape == images.shape
        assert torch.isfinite(changed).all()
        assert not torch.allclose(changed, images, atol=0.01)


@pytest.mark.parametrize("name", STEPS_WITHOUT_CHECKPOINT)
@pytest.mark.parametrize(("height", "width"), [(33, 29), (64, 64), (1, 1), (2, 130)])
def test_row_is_the_same_alone_in_a_batch_and_with_other_threads(name: str, height: int, width: int) -> None:
    images = pictures(5, height, width)
    value = value_of(STEPS[name], height, width)
    together = STEPS[name].apply(images, value)
    assert torch.isfinite(together).all()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        for row in range(5):
            assert torch.equal(STEPS[name].apply(images[row : row + 1].clone(), value)[0], together[row])
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", BATCHED)
def test_bands_of_rows_leave_no_seam(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images, value = pictures(), value_of(STEPS[name])
    whole = STEPS[name].apply(images, value)
    for pixels in (1, 5 * images[:, 0, 0].numel()):
        monkeypatch.setattr(numbers, "BAND", pixels)
        assert torch.equal(STEPS[name].apply(images, value), whole)


@pytest.mark.parametrize("name", STEPS_WITHOUT_CHECKPOINT)
def test_memory_layout_does_not_change_a_bit(name: str) -> None:
    images = pictures()
    value = value_of(STEPS[name])
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(STEPS[name].apply(last, value), STEPS[name].apply(images, value))


@pytest.mark.parametrize("name", BATCHED)
def test_batched_step_in_float32_is_within_a_16_bit_step_of_float64(name: str) -> None:
    # What a GPU computes differs from a CPU by float32's rounding at most, which this bounds.
    images, value = pictures(), value_of(STEPS[name])
    exact = STEPS[name].apply(images.double(), value)
    assert exact.dtype == torch.float64
    assert (STEPS[name].apply(images, value) - exact).abs().max() < 0.5 / 65535


@pytest.mark.parametrize("name", STEPS_WITHOUT_CHECKPOINT)
def test_grey_pictures_are_served_or_refused_with_a_sentence(name: str) -> None:
    grey, value = pictures(channels=1), value_of(STEPS[name])
    if STEPS[name].colour:
        with pytest.raises(ValueError, match=f"{name} changes colours and this picture is grey"):
            STEPS[name].apply(grey, value)
    else:
        assert STEPS[name].apply(grey, value).shape[1] == 1


@pytest.mark.parametrize("name", sorted(set(STEPS_WITHOUT_CHECKPOINT) - {name for name in STEPS if STEPS[name].colour}))
def test_no_step_rounds_to_8_bits(name: str) -> None:
    # A ramp of 16-bit steps within one 8-bit step: as many values must come out as there is room for.
    ramp = (torch.arange(64 * 64) % 256).reshape(1, 1, 64, 64) / 65535 + 0.3
    ramp[..., :2, :2], ramp[..., :2, -2:] = 0, 1  # so that a stretch cannot save what was rounded
    made = STEPS[name].apply(ramp, value_of(STEPS[name], 64, 64))
    assert (made[..., 16:48, 16:48] * 65535).round().unique().numel() > 12


@pytest.mark.parametrize("name", sorted(name for name in NUMBERS if getattr(STEPS[name].argument, "auto", "")))
def test_auto_leaves_a_clean_edge_and_takes_noise_away(name: str) -> None:
    clean = torch.full((1, 1, 64, 64), 0.3)
    clean[..., 32:] = 0.7
    noisy = clean + 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    cleaned = STEPS[name].apply(noisy, AUTO)
    assert (cleaned - clean).square().mean() < 0.35 * (noisy - clean).square().mean()
    assert torch.allclose(STEPS[name].apply(clean, AUTO), clean, atol=0.02)


def test_a_new_step_is_one_decorated_function_and_a_taken_name_is_refused() -> None:
    share = Number(0, 1, neutral=0, unit="share")

    @step("invert-for-test", share)
    def invert(images: Tensor, share: float) -> Tensor:
        return images * (1 - share) + (1 - images) * share

    try:
        assert math.isclose(STEPS["invert-for-test"].apply(torch.full((1, 1, 1, 1), 0.25), 1.0).item(), 0.75)
        with pytest.raises(ValueError, match="two filters called 'invert-for-test'"):
            step("invert-for-test", share)(invert)
    finally:
        del STEPS["invert-for-test"]
