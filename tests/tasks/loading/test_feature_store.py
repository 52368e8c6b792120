"""Kept features: found by text whatever the shard, on disk and in a store; what is not there is made, once."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tasks.loading.feature_store import FeatureFolder, Recall, key_of
from tasks.runfolder.storage import StorageError


def features(text: str | None) -> dict[str, Tensor]:
    """As a ragged, half-precision pipeline would make them: `tokens` of any number, and a mask."""
    length = len(text or "")
    return {
        "prompt_embeds": torch.arange(length * 3.0).reshape(length, 3).bfloat16(),
        "prompt_embeds_mask": torch.ones(length, dtype=torch.long),
    }


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "kept") if request.param == "local" else f"memory://{tmp_path.name}"


def recall(place: str, texts: list[str | None], encoder: str = "e") -> tuple[list[dict[str, Tensor]], list[str | None]]:
    """A shard's features from a folder opened anew, and the texts that had to be encoded."""
    asked: list[str | None] = []

    def make(missing: list[str | None]) -> list[dict[str, Tensor]]:
        asked.extend(missing)
        return [features(text) for text in missing]

    folder = FeatureFolder(place, encoder)
    shard = Recall(folder)
    made = shard("text", texts, make)
    folder.write(shard.computed)
    return made, asked


def test_a_text_is_encoded_once_for_all_runs_and_shards(place: str) -> None:
    assert recall(place, ["a", "bb", "a", ""])[1] == ["a", "bb", ""]
    made, asked = recall(place, ["bb", "ccc", "a"])
    assert asked == ["ccc"]
    assert recall(place, ["ccc", "", "bb"])[1] == []
    for text, found in zip(["bb", "ccc", "a"], made, strict=True):
        for name, value in features(text).items():
            assert torch.equal(found[name], value) and found[name].dtype == value.dtype


def test_another_encoder_and_another_kind_have_features_of_their_own(place: str) -> None:
    recall(place, ["a"])
    assert recall(place, ["a"], encoder="other")[1] == ["a"]
    assert len({key_of("text", "a"), key_of("negative", "a"), key_of("negative", None), key_of("negative", "")}) == 4


@pytest.mark.parametrize("bytes_left", [0, 20, -1])
def test_a_damaged_file_is_named(bytes_left: int, tmp_path: Path) -> None:
    recall(str(tmp_path), ["a"])
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:bytes_left])
    with pytest.raises(StorageError, match=f"{file.name}: the cached features are damaged; delete this file"):
        recall(str(tmp_path), ["a"])


@pytest.mark.parametrize("content", [b"no safetensors at all", b"\xff" * 20, b"\2" + b"\0" * 7 + b"[]"])
def test_a_file_of_something_else_is_named(content: bytes, tmp_path: Path) -> None:
    recall(str(tmp_path), ["a"])
    (file,) = tmp_path.rglob("*.safetensors")
    file.with_name("notes.txt").write_bytes(content)
    assert recall(str(tmp_path), ["a"])[1] == []
    file.write_bytes(content)
    with pytest.raises(StorageError, match=f"{file.name}: the cached features are damaged; delete this file"):
        recall(str(tmp_path), ["a"])


def test_without_a_folder_all_is_made() -> None:
    shard = Recall(None)
    assert len(shard("text", ["a", "a"], lambda texts: [features(text) for text in texts])) == 2
    assert shard.computed == {}
