"""Models by reference: the stores they are brought from are fsspec's memory and local folders."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from models.text.text_encoder import load_text_encoder
from tasks.loading.models import resolve
from tasks.runfolder.errors import BadInput
from tests.models.text.language_models import write_language_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_language_model(tmp_path_factory.mktemp("models") / "tiny")


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
