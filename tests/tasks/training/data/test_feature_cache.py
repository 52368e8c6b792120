"""Captions' features on disk: made once, whoever asks, and again where a file was cut short."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
