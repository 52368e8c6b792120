"""Checkpoints: what is written is read back closely, and nothing that does not fit is loaded."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from models import checkpoint


@dataclass(frozen=True)
class Config:
    width: int


def network(width: int = 96) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(width, 64), nn.Conv2d(16, 32, 3), nn.LayerNorm(8))


def test_large_weights_come_back_within_half_a_step_of_their_rows_and_small_ones_as_float16(tmp_path: Path) -> None:
    written, read = network(), network()
    nn.init.zeros_(read[0].weight)
    checkpoint.save(tmp_path, "vae", Config(96), written, "# card")
    checkpoint.load_weights(tmp_path, read)
    for name, weight in written.state_dict().items():
        step = weight.flatten(1).abs().amax(1).max() / 127 if weight.ndim > 1 else weight.abs().max() / 1000
        assert (read.state_dict()[name] - weight).abs().max() <= step * 0.55 + 1e-6, name
    assert (tmp_path / "model.safetensors").stat().st_size < 20_000
    assert checkpoint.read_config(tmp_path) == {"family": "vae", "format": 1, "width": 96}


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, "vae", Config(96), network(), "# card")
    with pytest.raises(ValueError, match="does not fit"):
        checkpoint.load_weights(tmp_path, network(80))


def test_a_config_of_another_format_or_without_family_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"family": "vae", "format": 99}')
    with pytest.raises(ValueError, match="format 99"):
        checkpoint.read_config(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ValueError, match="names no family"):
        checkpoint.read_config(tmp_path)
    (tmp_path / "config.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ValueError, match="cannot be read"):
        checkpoint.read_config(tmp_path)


def test_a_config_with_a_field_missing_or_of_another_type_is_refused(tmp_path: Path) -> None:
    assert checkpoint.fill(Config, {"width": 96}, tmp_path) == Config(96)
    with pytest.raises(ValueError, match="lacks 'width'"):
        checkpoint.fill(Config, {}, tmp_path)
    with pytest.raises(ValueError, match="has width '96'"):
        checkpoint.fill(Config, {"width": "96"}, tmp_path)


def test_the_digest_changes_with_the_weights_and_only_with_what_counts(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, "vae", Config(96), network(), "# card")
    before = checkpoint.digest(tmp_path)
    (tmp_path / "README.md").write_text("# another card")
    assert checkpoint.digest(tmp_path) == before
    other = network()
    nn.init.ones_(other[0].bias)
    checkpoint.save(tmp_path, "vae", Config(96), other, "# card")
    assert checkpoint.digest(tmp_path) != before


def test_weights_may_be_read_by_whoever_may_read_their_folder(tmp_path: Path) -> None:
    for mode in (0o755, 0o700):
        tmp_path.chmod(mode)
        checkpoint.save_tensors(tmp_path / "model.safetensors", {"weight": torch.ones(2)})
        assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == mode & 0o666


@pytest.mark.parametrize(("layer", "value"), [(0, float("nan")), (0, 1e9), (2, float("inf")), (2, 1e6)])
def test_weights_that_are_no_numbers_in_the_kept_precision_are_never_written(
    layer: int, value: float, tmp_path: Path
) -> None:
    model = network()
    nn.init.constant_(model[layer].weight[0], value)  # of a layer kept as int8 with a scale, and of one as float16
    with pytest.raises(checkpoint.NotFinite, match=f"^{layer}.weight.* is not finite"):
        checkpoint.save(tmp_path, "vae", Config(96), model, "# card")
    assert not list(tmp_path.iterdir())
