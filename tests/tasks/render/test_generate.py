"""The generate stage: one bad row costs itself alone, values that are no numbers cost their row."""

import math
from collections.abc import Sequence

import pyarrow as pa
import pytest
import torch
from torch import Tensor

from models.asked import Asked, Match
from models.fixed_batches import BatchLimit
from models.protocols import Generator
from tasks.prompts.shards import Shard
from tasks.render.generate import generate
from tasks.render.shard_state import Prompt, RenderShard
from tasks.render.transfer import Transfer, arrive


class Flat(Generator):
    """Grey images, but for the values that a seed is given."""

    name, digest, encoder, size = "flat", "0" * 64, None, 8

    def __init__(self, values: dict[int, float]) -> None:
        self.values = values

    def generate(
        self, features: Sequence[object], seeds: Sequence[int], width: int, height: int, *more: object
    ) -> Tensor:
        images = torch.full((len(seeds), 3, height, width), 0.5)
        for image, seed in zip(images, seeds, strict=True):
            image[0, 1, 2] = self.values.get(seed, 0.5)
        return images


def sent_by(work: RenderShard, generator: Generator, limit: BatchLimit, growth: int = 1) -> list[Transfer]:
    """The batches on their way."""
    sent: list[Transfer] = []
    generate(work, generator, lambda *size: limit, sent.append, as_bytes=True, growth=growth)
    return sent


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_picture_with_a_value_that_is_no_finite_number_is_quarantined_alone(value: float) -> None:
    prompts = [Prompt(row, str(row), "a cat", [row], 8, 8) for row in range(5)]
    work = RenderShard(Shard(0, 0, 5), prompts, [], pa.table({}))
    arrive(work, "generate", sent_by(work, Flat({3: value}), BatchLimit(4)))
    assert [picture.seed for picture in work.pictures] == [0, 1, 2, 4]
    assert [(failure.row, failure.stage) for failure in work.failures] == [(3, "generate")]
    assert "not finite numbers" in work.failures[0].error


class Broken(Flat):
    """A device that fails with a seed, and with all that follow."""

    def generate(
        self, features: Sequence[object], seeds: Sequence[int], width: int, height: int, *more: object
    ) -> Tensor:
        if 3 in seeds or self.values:
            self.values[0] = 0.0
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        return super().generate(features, seeds, width, height)


def test_a_broken_device_costs_no_row() -> None:
    prompts = [Prompt(row, str(row), "a cat", [row], 8, 8) for row in range(5)]
    work = RenderShard(Shard(0, 0, 5), prompts, [], pa.table({}))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        sent_by(work, Broken({}), BatchLimit(2))
    assert not work.failures


@pytest.mark.parametrize(("fixed", "taken"), [(False, 1), (True, 4)])
def test_pictures_that_are_to_grow_come_in_smaller_parts_but_in_whole_batches(fixed: bool, taken: int) -> None:
    """Of kernels that want batches of one size, smaller parts would be filled with copies."""
    generator = Flat({})
    generator.fixed_batch = fixed
    prompts = [Prompt(row, str(row), "a cat", [row], 1024, 1024) for row in range(5)]
    work = RenderShard(Shard(0, 0, 5), prompts, [], pa.table({}))
    arrive(work, "generate", sent_by(work, generator, BatchLimit(4), growth=16))
    assert len(work.pictures) == taken
    assert work.more


class Judging(Flat):
    """It shows a tenth of its text for each seed."""

    reads_words = True

    def generate(  # type: ignore[override]
        self, features: Sequence[object], seeds: Sequence[int], width: int, height: int, *more: object, **words: object
    ) -> Tensor:
        return super().generate(features, seeds, width, height)

    def match(self, features: Sequence[object], seeds: Sequence[int], asked: Sequence[Asked]) -> list[Match]:
        return [Match(seed / 10, [f"not read: {seed}"]) for seed in seeds]


def test_rows_that_match_too_little_are_quarantined_and_the_others_say_how_much() -> None:
    prompts = [Prompt(row, str(row), "a cat", [row, 9], 8, 8) for row in range(6)]
    for prompt in prompts[:5]:
        prompt.asked = Asked()
    work = RenderShard(Shard(0, 0, 6), prompts, [], pa.table({}))
    sent: list[Transfer] = []
    generate(work, Judging({}), lambda *size: BatchLimit(4), sent.append, True, min_match=0.3)
    arrive(work, "generate", sent)
    assert [picture.match and picture.match.share for picture in work.pictures] == [0.3, 0.9, 0.4, 0.9, None, None]
    assert [(failure.row, failure.stage) for failure in work.failures] == [(0, "match"), (1, "match"), (2, "match")]
    assert work.failures[1].error == "match 0.10, less than --min-match 0.3 (not read: 1); reword it."
