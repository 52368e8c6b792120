"""Generators: the same bytes for a row in any company, any size, and plain sentences for what cannot be."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.generators.registry import load_generator
from models.protocols import Generator
from models.weight_files import DEFAULT
from tests.models.generators.sprite_vae.test_compositor import is_picture


@pytest.fixture(scope="module")
def default() -> Generator:
    return load_generator("default")


def rows(count: int, width: int) -> list[Tensor]:
    """Features of texts of many lengths, so that every bucket occurs."""
    source = torch.Generator().manual_seed(0)
    return [torch.randn(3 + 5 * i % 41, width, generator=source) * 3 for i in range(count)]


def test_a_row_is_the_same_alone_in_any_batch_and_in_any_order(default: Generator) -> None:
    features = rows(21, 640)
    seeds = list(range(21))
    together = default.generate(features, seeds, 128, 128)
    backwards = default.generate(features[::-1], seeds[::-1], 128, 128).flip(0)
    assert torch.equal(together, backwards)
    for i in (0, 7, 13, 20):
        assert torch.equal(default.generate([features[i]], [seeds[i]], 128, 128)[0], together[i])
    some = [3, 19, 4, 11, 0, 8, 15, 1, 9]
    assert torch.equal(default.generate([features[i] for i in some], some, 128, 128), together[some])


@pytest.mark.parametrize(("width", "height"), [(16, 16), (200, 96), (96, 200), (2048, 64)])
def test_every_size_is_made_and_a_row_does_not_depend_on_its_company(
    default: Generator, width: int, height: int
) -> None:
    features = rows(3, 640)
    pictures = default.generate(features, [1, 2, 3], width, height)
    assert is_picture(pictures, 3, height, width)
    assert torch.equal(default.generate(features[1:2], [2], width, height)[0], pictures[1])


def test_seeds_give_different_pictures(default: Generator) -> None:
    features = rows(1, 640) * 2
    one, other = default.generate(features, [1, 2], 128, 128)
    assert (one - other).abs().mean() > 0.01


def test_a_size_out_of_range_and_foreign_features_are_refused(default: Generator) -> None:
    with pytest.raises(ValueError, match="16 to 2048"):
        default.generate(rows(1, 640), [1], 8, 128)
    with pytest.raises(ValueError, match=r"features \(tokens, 640\)"):
        default.generate(rows(1, 384), [1], 128, 128)
    with pytest.raises(ValueError, match="one seed a row"):
        default.generate(rows(2, 640), [1], 128, 128)


def test_damaged_missing_and_foreign_checkpoints_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no folder .*nothing"):
        load_generator(str(tmp_path / "nothing"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "xl.safetensors").write_bytes(b"all in one")
    with pytest.raises(ValueError, match=r"is a file; give a checkpoint's folder.*from_single_file"):
        load_generator(str(tmp_path / "xl.safetensors"))
    with pytest.raises(ValueError, match=r"empty.*config"):
        load_generator(str(tmp_path / "empty"))
    copy = tmp_path / "cut"
    shutil.copytree(DEFAULT, copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(ValueError, match="damaged or cut short"):
        load_generator(str(copy))
    weights.unlink()
    with pytest.raises(ValueError, match=r"no model\.safetensors"):
        load_generator(str(copy))
    (copy / "config.json").write_text('{"family": "codec", "format": 1}')
    with pytest.raises(ValueError, match="'codec', which makes no pictures"):
        load_generator(str(copy))


def test_dummy_needs_no_encoder_and_repeats_itself() -> None:
    dummy = load_generator("dummy")
    assert dummy.encoder is None
    pictures = dummy.generate([torch.zeros(1, 1)] * 3, [1, 2, 2**62], 40, 24)
    assert is_picture(pictures, 3, 24, 40)
    assert torch.equal(dummy.generate([torch.zeros(1, 1)], [2], 40, 24)[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[1])
