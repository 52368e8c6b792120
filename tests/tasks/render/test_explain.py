"""Explaining: the part of a picture that a word made glows, and what no word made stays dark."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch import Tensor

from models.fixed_batches import BatchLimit
from models.protocols import Generator, TextEncoder
from tasks.prompts.shards import Shard
from tasks.render.explain import explain, heat_file, without
from tasks.render.shard_state import Picture, Prompt, RenderShard
from tasks.text.preprocess import Prepared
from tests.tiny import WordEncoder


class Letters(WordEncoder, TextEncoder):
    """A vector a letter."""

    limit = BatchLimit(64)

    def cuts(self, texts: Sequence[str]) -> list[bool]:
        return [False] * len(texts)


class Corners(Generator):
    """Paints the left half if a text has an a, the right half if it has a b; words of neither letter make nothing."""

    name, digest, encoder, size = "corners", "0" * 64, "words", 64

    def generate(
        self, features: Sequence[Tensor], seeds: Sequence[int], width: int, height: int, *more: object
    ) -> Tensor:
        made = torch.full((len(features), 3, height, width), 0.2)
        for picture, row in zip(made, features, strict=True):
            for letter, half in (("a", slice(0, width // 2)), ("b", slice(width // 2, width))):
                if any(torch.equal(token, WordEncoder().encode([letter])[0][0]) for token in row):
                    picture[:, :, half] = 0.9
        return made


def explained(text: str, keywords: list[str]) -> RenderShard:
    prompt = Prompt(0, "one", text, [3], 64, 64)
    prompt.prepared = Prepared(text, text, "en", text.split(), ["NOUN"] * len(text.split()), keywords)
    work = RenderShard(Shard(0, 0, 1), [prompt], [], pa.table({}))
    work.pictures = [Picture(prompt, 0)]
    work.pictures[0].pixels = Corners().generate(WordEncoder().encode([text]), [3], 64, 64)[0]
    explain(work, Letters(), Corners(), lambda *size: BatchLimit(2), lambda sent: None)
    return work


def test_each_word_glows_where_it_counts() -> None:
    heat = explained("aaa bb c", ["aaa", "bb", "c"]).pictures[0].heat
    assert heat is not None
    assert heat.words == ["aaa", "bb", "c"]
    left, right = heat.maps[..., :60], heat.maps[..., 68:]
    assert left[0].min() > 200
    assert right[1].min() > 200
    assert max(right[0].max(), left[1].max(), heat.maps[2].max()) == 0
    assert heat.shares == pytest.approx([0.5, 0.5, 0.0], abs=0.01)


def test_a_text_that_is_one_word_has_no_map_and_is_no_failure() -> None:
    work = explained("aaa", ["aaa"])
    assert not work.failures
    assert work.pictures[0].heat is None


@pytest.mark.parametrize(
    ("text", "word", "left"),
    [
        ("a red car and a red house", "red", "a car and a house"),
        ("a cat on a catwalk", "cat", "a on a catwalk"),
        ("一只红色的猫", "红色", "一只的猫"),
        ("c++ and more", "c++", "and more"),
    ],
)
def test_taking_a_word_out(text: str, word: str, left: str) -> None:
    assert without(text, word) == left


def test_the_strip_has_a_tile_a_word_that_is_grey_where_the_word_made_nothing() -> None:
    heat = explained("aaa bb", ["aaa", "bb"]).pictures[0].heat
    assert heat is not None
    strip = np.asarray(Image.open(io.BytesIO(heat_file(heat, np.full((64, 64, 3), 128, np.uint8))))).astype(int)
    assert strip.shape == (128, 256, 3)
    assert strip[64, 30, 0] > strip[64, 30, 2] + 80
    assert abs(strip[64, 100, 0] - strip[64, 100, 2]) < 20
