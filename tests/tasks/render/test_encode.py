"""The encode stage on a tiny language model."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from models.text.text_encoder import LanguageModel, load_text_encoder
from tasks.prompts.shards import Shard
from tasks.render import encode as encode_module
from tasks.render.encode import Gathering, encode, encode_batch, find_cuts
from tasks.render.shard_state import Prompt, RenderShard
from tasks.text.preprocess import Prepared
from tests.models.text.language_models import write_language_model

TEXTS = [f"w{i} w{i % 7}" for i in range(40)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def encoder(folder: Path) -> Iterator[LanguageModel]:
    load_text_encoder.cache_clear()  # a limit found in one test is not for the next
    yield load_text_encoder(str(folder))
    load_text_encoder.cache_clear()


def work_of(texts: list[str]) -> RenderShard:
    prompts = []
    for row, text in enumerate(texts):
        prompt = Prompt(row, str(row), text, [0], 8, 8)
        prompt.prepared = Prepared(text, text, "en", [], [], [])
        prompts.append(prompt)
    return RenderShard(Shard(0, 0, len(texts)), prompts, [], pa.table({}))


def memory_for(tokens: int, encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lets the network run on at most so many tokens; returns the list of what it is given."""
    given: list[int] = []
    run = encoder._network.forward

    def limited(*args: object, **kwargs: torch.Tensor) -> object:
        given.append(kwargs["input_ids"].numel())
        if given[-1] > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return run(*args, **kwargs)

    monkeypatch.setattr(encoder._network, "forward", limited)
    return given


def test_every_prompt_gets_its_own_features(encoder: LanguageModel) -> None:
    work = work_of(TEXTS)
    encode(work, encoder)
    for prompt, expected in zip(work.prompts, encoder.encode(TEXTS), strict=True):
        assert prompt.features is not None
        assert torch.equal(prompt.features, expected)


def test_a_text_longer_than_the_encoder_reads_is_told(encoder: LanguageModel) -> None:
    work = work_of(["w1", "w2 " * 62, "w3 " * 63])  # two more tokens stand around them; 64 are read
    find_cuts(work, encoder)
    assert [prompt.text_cut for prompt in work.prompts] == [False, False, True]


def test_out_of_memory_takes_smaller_chunks_from_then_on(
    encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = encoder.encode(TEXTS)
    given = memory_for(40, encoder, monkeypatch)
    for features, whole in zip(encode_batch(encoder, encoder.encode, TEXTS), expected, strict=True):
        assert torch.allclose(features, whole, atol=1e-5)
    assert given[:3] == [96, 48, 24]
    given.clear()
    encode_batch(encoder, encoder.encode, TEXTS)
    assert max(given) == 24


def test_no_memory_at_all_is_the_devices_fault_and_not_the_prompts(
    encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_for(0, encoder, monkeypatch)
    work = work_of(TEXTS[:3])
    with pytest.raises(MemoryError, match="Not even one row fits"):
        encode(work, encoder)
    assert work.failures == []


def break_on(broken: str, encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """One text cannot be tokenised."""
    tokenize = encoder._tokenize

    def fragile(texts: list[str], longest: int) -> list[list[int]]:
        if broken in texts:
            raise RuntimeError("cannot be tokenised")
        return tokenize(texts, longest)

    monkeypatch.setattr(encoder, "_tokenize", fragile)


def test_a_prompt_that_cannot_be_encoded_does_not_cost_its_neighbours(
    encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_on("w9 w2", encoder, monkeypatch)
    work = work_of(TEXTS)
    encode(work, encoder)
    assert [failure.error for failure in work.failures] == ["RuntimeError: cannot be tokenised"]
    assert len(work.prompts) == len(TEXTS) - 1
    assert all(prompt.features is not None for prompt in work.prompts)


def test_texts_of_shards_that_wait_are_encoded_together_each_as_alone(
    encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = encoder.encode(TEXTS)
    encoder.limit.size = 64
    given = memory_for(1000, encoder, monkeypatch)
    shards = [work_of(TEXTS[start : start + 10]) for start in range(0, 40, 10)]
    for shard in shards:
        encode(shard, encoder)
    apart = len(given)
    again, gathering = [work_of(TEXTS[start : start + 10]) for start in range(0, 40, 10)], Gathering()
    for shard in again:
        gathering.join(shard)
    given.clear()
    for shard in again:
        gathering.encode(shard, encoder, None)
    assert len(given) < apart
    made = [prompt.features for shard in again for prompt in shard.prompts]
    assert all(isinstance(one, torch.Tensor) and torch.equal(one, own) for one, own in zip(made, expected, strict=True))


def test_a_text_that_cannot_be_encoded_costs_its_own_shards_row_alone(
    encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_on("w3 w3", encoder, monkeypatch)
    shards, gathering = [work_of(TEXTS[:5]), work_of(TEXTS[5:10])], Gathering()
    for shard in shards:
        gathering.join(shard)
    for shard in reversed(shards):
        gathering.encode(shard, encoder, None)
    assert [[failure.row for failure in shard.failures] for shard in shards] == [[3], []]
    assert all(prompt.features is not None for shard in shards for prompt in shard.prompts)


def test_no_more_shards_are_encoded_at_once_than_pictures_can_wait_for(
    encoder: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_module, "TOGETHER", 25)
    shards, gathering = [work_of(TEXTS[start : start + 10]) for start in range(0, 40, 10)], Gathering()
    for shard in shards:
        gathering.join(shard)
    gathering.encode(shards[0], encoder, None)
    assert [bool(shard.ahead) for shard in shards] == [False, True, False, False]  # the first has used its own
