"""LoRA adapters: they change what is painted by their weight, add up, are part of the digest, or are refused."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor

from models.diffusers.image_half import DiffusersGenerator
from models.diffusers.options import Acceleration
from tests.models.diffusers.checkpoints import Checkpoints, build_pipeline
from tests.models.diffusers.test_diffusers import features_of, halves

FAMILY = "sd1"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    return Checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two adapters, `a` and `b`, as diffusers saves them."""
    folder = tmp_path_factory.mktemp("adapters")
    for seed, name in enumerate("ab"):
        pipe = build_pipeline(FAMILY)
        pipe.unet.add_adapter(LoraConfig(r=4, target_modules=["to_q", "to_v"], init_lora_weights=False))
        source = torch.Generator().manual_seed(seed)
        state = get_peft_model_state_dict(pipe.unet)
        state = {key: torch.randn(value.shape, generator=source) for key, value in sorted(state.items())}
        type(pipe).save_lora_weights(folder / name, unet_lora_layers=state)
    return folder


def painted(folder: Path, *loras: str) -> tuple[DiffusersGenerator, Tensor]:
    model = halves(folder, Acceleration(lora=loras))
    rows = features_of(model, ["a red cat"], [None])
    return model, model.generate(rows, [7], 32, 32, 2)[0]


def test_adapters_change_the_picture_by_their_weight_and_add_up(checkpoints: Checkpoints, adapters: Path) -> None:
    folder = checkpoints(FAMILY)
    a, b = adapters / "a", adapters / "b"
    given: list[list[str]] = [
        [],
        [f"{a}:0"],
        [str(a)],
        [f"{a}:0.5"],
        [str(a), f"{b}:0.7"],
        [f"{a}/pytorch_lora_weights.safetensors"],
    ]
    made = [painted(folder, *one) for one in given]
    pictures = [picture for _, picture in made]
    assert torch.allclose(pictures[0], pictures[1], atol=1e-5)
    assert torch.equal(pictures[2], pictures[5])
    apart = [0, 2, 3, 4]
    assert all(not torch.allclose(pictures[i], pictures[j], atol=1e-3) for i in apart for j in apart if i < j)
    digests = [model.digest for model, _ in made]
    assert len(set(digests)) == 5
    assert digests[2] == digests[5], "the same file and weight, wherever it lies"


def test_what_is_no_adapter_is_refused_in_one_sentence(
    checkpoints: Checkpoints, adapters: Path, tmp_path: Path
) -> None:
    folder = checkpoints(FAMILY)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.safetensors").write_bytes(b"nothing")
    for given, sentence in (
        ("nowhere", "is no folder or .safetensors file here"),
        (f"{adapters / 'a'}:much", "'much' is no number"),
        (f"{adapters / 'a'}:99", "give a weight from -10 to 10"),
        (str(adapters), "has 0 .safetensors files"),
        (str(tmp_path / "other"), "cannot be read as safetensors"),
    ):
        with pytest.raises(ValueError, match=sentence) as error:
            painted(folder, given)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="holds nothing for FluxTransformer2DModel"):
        painted(checkpoints("flux"), str(adapters / "a"))
