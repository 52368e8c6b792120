"""Weights come from safetensors alone: whatever a model's folder says, nothing reaches torch.load."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import EMBEDDED
from models.filters.denoiser import load as load_denoiser
from models.generators.registry import load_generator
from models.judge.model import load_judge
from models.text.text_encoder import load_text_encoder
from models.weight_files import read_json
from tests.models.diffusers.checkpoints import Checkpoints, write_checkpoint
from tests.models.generators.latent.checkpoints import FAMILIES, write_latent
from tests.models.text.language_models import write_language_model


@pytest.fixture(autouse=True)
def no_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "load", lambda *given, **named: pytest.fail("torch.load was called"))


def test_every_kind_of_checkpoint_loads_without_pickles(checkpoints: Checkpoints, tmp_path: Path) -> None:
    for reference in ("gemma", "minilm", str(write_language_model(tmp_path / "words"))):
        load_text_encoder.__wrapped__(reference).encode(["w1"])
    load_generator.__wrapped__("default")
    for family in FAMILIES:
        load_generator.__wrapped__(str(write_latent(tmp_path / family, family)))
    for folder in (checkpoints("sdxl"), write_checkpoint(tmp_path / "shards", "sd1", max_shard_size="40KB")):
        generator = load_generator.__wrapped__(str(folder))
        assert generator.own_encoder is not None
        generator.own_encoder.ready()
        generator.ready()
    load_judge()
    load_denoiser.__wrapped__(str(EMBEDDED / "denoiser"))


def pickle_weights(part: Path, name: str = "w.bin") -> list[str]:
    """Takes the weights into a pickle, and leaves safetensors of the same length as a decoy."""
    file = next(part.glob("*.safetensors"))
    tensors = load_file(file)
    torch.save(tensors, part / name)
    return list(tensors)


def list_pickle(part: Path) -> None:
    names = pickle_weights(part)
    file = next(part.glob("*.safetensors"))
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "w.bin")}
    (part / f"{file.name}.index.json").write_text(json.dumps(index))
    file.rename(part / "decoy.safetensors")


def list_outside(part: Path) -> None:
    file = next(part.glob("*.safetensors"))
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(file), f"../{file.name}")}
    (part / f"{file.name}.index.json").write_text(json.dumps(index))
    file.rename(part.parent / file.name)
    save_file({"a": torch.zeros(1)}, part / "decoy.safetensors", {"format": "pt"})


def an_adapter(part: Path) -> None:
    pickle_weights(part, "adapter_model.bin")
    (part / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": str(part)}))


def config_of(name: str, **values: Any) -> Callable[[Path], None]:
    def change(part: Path) -> None:
        pickle_weights(part, "pytorch_model.bin")
        path = part / name
        path.write_text(json.dumps({**(read_json(path) if path.is_file() else {}), **values}))

    change.__name__ = f"{name} {values}"
    return change


INDEX_LISTS = r"lists '.*' as weights; only safetensors beside it are loaded"


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (list_pickle, INDEX_LISTS),
        (list_outside, INDEX_LISTS),
        (an_adapter, "holds an adapter of another model; merge it"),
        (config_of("config.json", transformers_weights="adapter_model.bin"), "wants weights from 'adapter_model.bin'"),
        (config_of("tokenizer_config.json", tokenizer_class="BertModel"), "names the network BertModel"),
        (config_of("config.json", tokenizer_class="BertModel"), "names the network BertModel"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_language_model_that_would_load_a_pickle_is_refused(
    tamper: Callable[[Path], None], sentence: str, tmp_path: Path
) -> None:
    folder = write_language_model(tmp_path / "model")
    tamper(folder)
    with pytest.raises(ValueError, match=sentence) as caught:
        load_text_encoder.__wrapped__(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
@pytest.mark.parametrize("tamper", [list_pickle, list_outside, an_adapter], ids=lambda value: value.__name__)
def test_a_diffusers_part_that_would_load_a_pickle_is_refused(
    tamper: Callable[[Path], None], part: str, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "sd1")
    tamper(folder / part)
    with pytest.raises(ValueError, match=r"lists|adapter|no weights"):
        load_generator.__wrapped__(str(folder))


@pytest.mark.parametrize(
    ("part", "kind", "sentence"),
    [
        ("tokenizer", ["transformers", "CLIPTextModel"], "CLIPTextModel as the class .*'tokenizer'.* no network"),
        ("scheduler", ["diffusers", "UNet2DConditionModel"], "UNet2DConditionModel as the .*'scheduler'.* no network"),
        ("unet", ["diffusers", "DDIMScheduler"], "DDIMScheduler as the class of its part 'unet'.* a network"),
    ],
)
def test_a_part_of_a_class_that_does_not_fit_is_refused(
    part: str, kind: list[str], sentence: str, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "sd1")
    torch.save({}, folder / part / "pytorch_model.bin")
    index = folder / "model_index.json"
    index.write_text(json.dumps({**read_json(index), part: kind}))
    with pytest.raises(ValueError, match=sentence):
        load_generator.__wrapped__(str(folder))


def test_a_flow_whose_index_lists_a_pickle_is_refused(tmp_path: Path) -> None:
    folder = write_latent(tmp_path / "flow", "flow")
    part = folder / "transformer"
    weights = next(part.glob("*.safetensors"))
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(weights), "w.bin")}
    (part / f"{weights.name}.index.json").write_text(json.dumps(index))
    torch.save(load_file(weights), part / "w.bin")
    with pytest.raises(ValueError, match=INDEX_LISTS):
        load_generator.__wrapped__(str(folder))


def test_digests_tell_which_tensor_is_taken_from_which_file(tmp_path: Path) -> None:
    """Two files hold every tensor; the index chooses."""
    digests, features = [], []
    for choice in ("a", "b"):
        folder = write_language_model(tmp_path / choice)
        tensors = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        save_file(tensors, folder / "a.safetensors", {"format": "pt"})
        save_file({name: value * 2 for name, value in tensors.items()}, folder / "b.safetensors", {"format": "pt"})
        index = {"metadata": {}, "weight_map": dict.fromkeys(tensors, f"{choice}.safetensors")}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        encoder = load_text_encoder.__wrapped__(str(folder))
        digests.append(encoder.digest)
        features.append(encoder.encode(["w1 w2"])[0])
    assert not torch.equal(*features)
    assert digests[0] != digests[1]


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "content", [DEEP, f'{{"a": {DEEP}}}', "[]", "1", "{", "\xff", '{"architectures": 3, "dtype": []}']
)
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_json_of_other_shapes_ends_in_a_sentence_or_in_features(content: str, file: str, tmp_path: Path) -> None:
    folder = write_language_model(tmp_path / "model")
    (folder / file).write_text(content, "latin-1")
    try:
        load_text_encoder.__wrapped__(str(folder))
    except ValueError as error:
        assert str(folder) in str(error) and "\n" not in str(error)


VALUES = [None, "x", -1, 0, 3.5, [], {}, [1, "a"], DEEP]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:9])
@pytest.mark.parametrize(
    ("part", "key"),
    [("unet", "block_out_channels"), ("unet", "sample_size"), ("vae", "latent_channels"), ("vae", "scaling_factor"),
     ("scheduler", "num_train_timesteps"), ("text_encoder", "hidden_size"), ("tokenizer", "model_max_length"),
     ("", "_class_name"), ("", "unet"), ("", "scheduler")],
)  # fmt: skip
def test_configurations_of_other_types_end_in_a_sentence_or_in_a_picture(
    part: str, key: str, value: Any, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = checkpoints.copy("sd1", tmp_path / "sd1")
    name = {"": "model_index.json", "scheduler": "scheduler_config.json", "tokenizer": "tokenizer_config.json"}
    path = folder / part / name.get(part, "config.json")
    text = json.dumps({**read_json(path), key: "VALUE" if value is DEEP else value})
    path.write_text(text.replace('"VALUE"', DEEP) if value is DEEP else text)
    try:
        generator: Any = load_generator.__wrapped__(str(folder))
        encoder = generator.own_encoder
        encoder.ready()
        generator.ready()
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        with contextlib.suppress(Exception):  # a row's error from here on: any type is quarantined with one line
            features = {**encoder.encode(["a cat"])[0], **encoder.encode_negative([None])[0]}
            generator.generate([features], [1], 32, 32, 1)
    finally:
        shutil.rmtree(folder)
