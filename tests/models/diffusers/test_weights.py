"""Weights and vocabularies of a checkpoint's parts: whole, or refused before random ones take their place."""

import io
import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from models.diffusers.image_half import DiffusersGenerator, open_diffusers
from models.diffusers.options import PLAIN
from tests.models.diffusers.checkpoints import Checkpoints


def opened(folder: Path) -> DiffusersGenerator:
    found = open_diffusers(str(folder), "cpu", PLAIN)
    assert found is not None
    return found


def forget_tensor(part: Path) -> str:
    file = next(part.glob("*.safetensors"))
    tensors = load_file(file)
    name = sorted(tensors)[len(tensors) // 2]
    del tensors[name]
    save_file(tensors, file, {"format": "pt"})
    return name


@pytest.mark.parametrize("part", ["text_encoder", "text_encoder_2", "unet", "vae"])
def test_weights_that_a_file_lacks_are_not_made_up(part: str, checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = checkpoints.copy("sdxl", tmp_path / "sdxl")
    name = forget_tensor(folder / part)
    model = opened(folder)
    with pytest.raises(ValueError, match=rf"{part} lacks weights that its config.json asks for \({name} "):
        (model.own_encoder if part.startswith("text") else model).ready()


def test_a_vocabulary_of_sentencepiece_alone_is_read(checkpoints: Checkpoints, tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")  # of the extra `diffusers`
    folder = checkpoints.copy("pixart-sigma", tmp_path / "pixart")
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a red cat on a table", "two blue dogs"]), model_writer=made, vocab_size=24, pad_id=0,
        eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    (folder / "tokenizer" / "tokenizer.json").unlink()
    (folder / "tokenizer" / "spiece.model").write_bytes(made.getvalue())
    config = folder / "tokenizer" / "tokenizer_config.json"
    config.write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "model_max_length": 512}))
    encoder = opened(folder).own_encoder
    assert encoder.cuts(["a red cat", "a red cat " * 200]) == [False, True]
    (features,) = encoder.encode(["a red cat"])
    assert features["prompt_attention_mask"].sum() > 3
