"""Captions' features on disk: made once, whoever asks, and again where a file was cut short."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tasks.training.data.feature_cache import FeatureCache, cached_features


class Slow:
    """An encoder that counts what it is asked."""

    name, digest, width = "slow", "0", 2

    def __init__(self) -> None:
        self.asked = 0

    def encode(self, texts: list[str]) -> list[Tensor]:
        self.asked += len(texts)
        time.sleep(0.3)
        return [torch.full((len(text), 2), float(len(text))) for text in texts]


def test_two_trainings_with_one_cache_encode_its_texts_once(tmp_path: Path) -> None:
    encoder = Slow()

    def ask(_: int) -> FeatureCache:
        return cached_features(tmp_path, ["a", "bcd"], encoder, lambda done: None)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ask, range(2))
    assert encoder.asked == 2
    assert torch.equal(first[1], torch.full((3, 2), 3.0))
    assert torch.equal(first.tokens, second.tokens)


def test_a_file_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    encoder = Slow()
    cached_features(tmp_path, ["a"], encoder, lambda done: None)
    (file,) = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-3])
    assert cached_features(tmp_path, ["a"], encoder, lambda done: None).length(0) == 1
    assert encoder.asked == 2


class Words:
    """Features of a word by its place in the text; the first is far from all others, as in a language model."""

    name, digest, width = "words", "1", 3

    def encode(self, texts: list[str]) -> list[Tensor]:
        places = torch.tensor([[1000.0, 0, 0], [1, 5, 9], [3, 5, 9], [8, 5, 8]])
        return [places[: len(text.split())] for text in texts]


def statistics(texts: list[str], folder: Path) -> tuple[Tensor, Tensor]:
    return cached_features(folder, texts, Words(), lambda done: None).statistics()


def test_statistics_are_of_all_tokens_but_the_first_also_where_every_caption_has_three_of_them(tmp_path: Path) -> None:
    mean, spread = statistics(["a red small dog"] * 40, tmp_path)
    tokens = torch.tensor([[1.0, 5, 9], [3, 5, 9], [8, 5, 8]]).repeat(40, 1)
    assert torch.allclose(mean, tokens.mean(0), atol=1e-4)
    assert torch.allclose(spread[[0, 2]], tokens.std(0)[[0, 2]], atol=1e-4)  # the second does not vary: see below


@pytest.mark.parametrize("texts", [["red dog"] * 9, ["dog"] * 9, ["red dog"]])
def test_features_that_never_vary_are_divided_by_no_less_than_half_precision_allows(
    texts: list[str], tmp_path: Path
) -> None:
    mean, spread = statistics(texts, tmp_path)
    others = Words().encode(["a red small dog"])[0][1:]
    assert ((others - mean) / spread).half().isfinite().all()
    assert (spread > 0.05).all()  # 1% of the root mean square of 1, 5 and 9


def test_features_that_vary_little_keep_their_own_spread(tmp_path: Path) -> None:
    class Varied(Words):
        def encode(self, texts: list[str]) -> list[Tensor]:
            source = torch.Generator().manual_seed(0)
            return [torch.randn(50, 3, generator=source) * torch.tensor([0.1, 1.0, 3.0]) for _ in texts]

    features = cached_features(tmp_path, ["a", "b"], Varied(), lambda done: None)
    _, spread = features.statistics()
    others = torch.cat([features[0][1:], features[1][1:]])
    assert torch.allclose(spread, others.std(0), rtol=1e-4)
