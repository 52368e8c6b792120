"""Tiny language models in transformers' folder format, made on the spot: random weights, the real code."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, PreTrainedTokenizerFast, T5Config, T5Model
from transformers.modeling_utils import PreTrainedModel

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(60))]
SIZES = {
    "bert": (BertModel, BertConfig, {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}),
    "gpt2": (GPT2Model, GPT2Config, {"n_embd": 32, "n_layer": 2, "n_positions": 64}),
    "t5": (T5Model, T5Config, {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2}),
}
HEADS = {"bert": "num_attention_heads", "gpt2": "n_head", "t5": "num_heads"}


def tiny_model(kind: str) -> PreTrainedModel:
    """A network of the kind, 32 features wide, the same weights each time."""
    model, config, sizes = SIZES[kind]
    torch.manual_seed(0)
    return model(config(vocab_size=len(WORDS), pad_token_id=0, **{HEADS[kind]: 4}, **sizes))


def write_language_model(folder: Path, kind: str = "bert", dtype: torch.dtype = torch.float32) -> Path:
    """Writes a model and its tokenizer (words w0 to w59; special tokens around them for BERT only)."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if kind == "bert":
        special = [("[CLS]", 2), ("[SEP]", 3)]
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    )
    fast.save_pretrained(folder)
    tiny_model(kind).to(dtype).save_pretrained(folder)
    return folder
