"""The encode stage on a tiny language model; the stores it is brought from are fsspec's memory and local folders."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
import torch

from models.text_encoder import TextEncoder, load_text_encoder
from tasks.encode import encode, features_of, resolve
from tasks.errors import BadInput
from tasks.plan import Shard
from tasks.preprocess import Prepared
from tasks.work import Prompt, Work
from tests.models.language_models import write_language_model

TEXTS = [f"w{i} w{i % 7}" for i in range(40)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def encoder(folder: Path) -> Iterator[TextEncoder]:
    load_text_encoder.cache_clear()  # a limit found in one test is not for the next
    yield load_text_encoder(str(folder))
    load_text_encoder.cache_clear()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    resolve.cache_clear()
    yield tmp_path / "cache"
    resolve.cache_clear()


@pytest.fixture
def store(folder: Path) -> Iterator[str]:
    """The tiny model in an object store, with things beside it that are of no use."""
    memory = fsspec.filesystem("memory")
    memory.put(f"{folder}/", "/models/tiny", recursive=True)
    memory.pipe({"/models/tiny/pytorch_model.bin": b"pickle", "/models/tiny/checkpoints/optimizer.safetensors": b"?"})
    yield "memory://models/tiny"
    memory.rm("/models", recursive=True)


def work_of(texts: list[str]) -> Work:
    prompts = []
    for row, text in enumerate(texts):
        prompt = Prompt(row, str(row), text, [0], 8, 8)
        prompt.prepared = Prepared(text, text, "en", [], [], [])
        prompts.append(prompt)
    return Work(Shard(0, 0, 0, len(texts), 0), prompts, [], pa.table({}))


def memory_for(tokens: int, encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
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


def test_every_prompt_gets_its_own_features(encoder: TextEncoder) -> None:
    work = work_of(TEXTS)
    encode(work, encoder)
    for prompt, expected in zip(work.prompts, encoder.encode(TEXTS), strict=True):
        assert prompt.features is not None
        assert torch.equal(prompt.features, expected)


def test_out_of_memory_takes_smaller_chunks_from_then_on(encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = encoder.encode(TEXTS)
    given = memory_for(40, encoder, monkeypatch)
    for features, whole in zip(features_of(TEXTS, encoder), expected, strict=True):
        assert torch.allclose(features, whole, atol=1e-5)
    assert given[:3] == [96, 48, 24]
    given.clear()
    features_of(TEXTS, encoder)
    assert max(given) == 24


def test_no_memory_at_all_is_the_devices_fault_and_not_the_prompts(
    encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_for(0, encoder, monkeypatch)
    work = work_of(TEXTS[:3])
    with pytest.raises(MemoryError, match="Not even one row fits"):
        encode(work, encoder)
    assert work.failures == []


def test_a_prompt_that_cannot_be_encoded_does_not_cost_its_neighbours(
    encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenize = encoder._tokenize

    def fragile(texts: list[str]) -> list[list[int]]:
        if "w9 w2" in texts:
            raise RuntimeError("cannot be tokenised")
        return tokenize(texts)

    monkeypatch.setattr(encoder, "_tokenize", fragile)
    work = work_of(TEXTS)
    encode(work, encoder)
    assert [failure.error for failure in work.failures] == ["RuntimeError: cannot be tokenised"]
    assert len(work.prompts) == len(TEXTS) - 1
    assert all(prompt.features is not None for prompt in work.prompts)


@pytest.mark.parametrize("reference", ["gemma", "minilm", "default", "dummy", "models/mine", "somebody/model"])
def test_what_is_not_in_a_store_stays_as_it_is(reference: str) -> None:
    assert resolve(reference) == reference


def test_a_model_in_a_store_is_brought_once_and_loads(store: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought = Path(resolve(store))
    assert brought.name == "tiny"  # what the metadata will call it
    assert brought.is_relative_to(cache)
    assert {f.suffix for f in brought.iterdir()} <= {".json", ".safetensors"}  # no pickle, no folder
    assert len(load_text_encoder(str(brought)).encode(["w1"])[0]) == 3
    resolve.cache_clear()
    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.get_file", lambda *_: pytest.fail("again"))
    assert Path(resolve(f"{store}/")) == brought


def test_a_model_that_has_changed_is_brought_anew(store: str, cache: Path) -> None:
    first = Path(resolve(store))
    memory = fsspec.filesystem("memory")
    memory.pipe("/models/tiny/config.json", memory.cat("/models/tiny/config.json") + b"\n")
    resolve.cache_clear()
    second = Path(resolve(store))
    assert second != first
    assert (second / "config.json").read_bytes() == (first / "config.json").read_bytes() + b"\n"


def test_a_store_without_the_model_is_told_in_one_sentence(store: str, cache: Path) -> None:
    fsspec.filesystem("memory").rm("/models/tiny/config.json")
    with pytest.raises(BadInput, match=r"memory://models/tiny holds no model: it has no config\.json"):
        resolve(store)
    with pytest.raises(BadInput, match="memory://models/other: no such file or folder"):
        resolve("memory://models/other")


def test_a_download_that_breaks_off_leaves_nothing(store: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("fsspec.implementations.memory.MemoryFileSystem.get_file", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            resolve(store)
    assert not [path for path in cache.iterdir() if path.is_dir()]
    assert (Path(resolve(store)) / "model.safetensors").stat().st_size > 0
