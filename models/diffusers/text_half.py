"""The text half of a diffusers checkpoint as a text encoder.

A text's features are a dict of tensors named as the arguments of the pipeline's call, without the batch's dimension:
`prompt_embeds` (tokens, width), `pooled_prompt_embeds` (width,), masks (tokens,), and so on. They are the same bytes
whatever else is in the batch: batches are filled up with copies to a fixed number of rows, and a pipeline that pads to
the longest text of a batch encodes texts one at a time.
"""

import threading
from collections.abc import Sequence
from copy import deepcopy
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from models.device import let_go
from models.diffusers.checkpoint import DiffusersCheckpoint
from models.diffusers.options import Acceleration
from models.diffusers.signatures import NEGATIVE, Interface
from models.diffusers.workarounds import spare_conversion
from models.fixed_batches import BatchLimit, chunks
from models.messages import one_sentence
from models.protocols import EncodeNegative, TextEncoder

CPU_TEXTS, GPU_TEXTS = 8, 64  # texts in one forward pass
REMEMBERED = 16  # negative texts
_ROUNDED = 32  # features of varying length with a mask are padded to a multiple of this


class DiffusersTextEncoder(TextEncoder):
    """A checkpoint's own text encoders, loaded when first used. `limit` counts texts; `loads` how often they loaded."""

    def __init__(self, checkpoint: DiffusersCheckpoint, device: str, options: Acceleration) -> None:
        dtype = options.torch_dtype
        self.name = checkpoint.name
        self.digest = checkpoint.digest("text")
        self.cache_key = f"{self.digest[:16]}-{str(dtype).removeprefix('torch.')}"  # what its features are kept under
        self.bytes = checkpoint.bytes("text", dtype)
        self.limit = BatchLimit(CPU_TEXTS if device == "cpu" else GPU_TEXTS)
        self.interface = Interface(checkpoint.kind)
        self.loads = 0
        self._checkpoint = checkpoint
        self._device = device
        self._options = options
        self._pipe: Any = None
        self._counting = threading.Lock()
        self._ragged: bool | None = None
        self._negatives: dict[str | None, dict[str, Tensor]] = {}

    def ready(self) -> None:
        if self._pipe is None:
            self._pipe = self._checkpoint.load("text", self._options.torch_dtype, self._device, self._options.offload)
            spare_conversion(self._pipe)
            self.loads += 1
        if self._ragged is None:
            with one_sentence(self._checkpoint.folder):
                self._ragged = self._shape_of("a") != self._shape_of("a b c d " * 16)

    def release(self) -> None:
        if self._pipe is not None:
            self._pipe = None
            let_go(self._device)

    def encode(self, texts: Sequence[str]) -> list[dict[str, Tensor]]:
        """The features of each text, in order. Equal texts are encoded once and share tensors."""
        return self._each(texts, negative=False)

    @property
    def encode_negative(self) -> EncodeNegative | None:
        """None where the pipeline does not steer away from a negative text."""
        return self._encode_negative if self.interface.knows_negative else None

    def _encode_negative(self, texts: Sequence[str | None]) -> list[dict[str, Tensor]]:
        """The features of each negative text, in order, named as the call names them; None is the pipeline's own text.

        The last few are remembered: most inputs have one for all rows.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._negatives]
        for kind in ([text for text in new if text is None], [text for text in new if text is not None]):
            self._negatives |= dict(zip(kind, self._each(kind, negative=True), strict=True))
        found = [self._negatives[text] for text in texts]
        for old in list(self._negatives)[:-REMEMBERED]:
            del self._negatives[old]
        return found

    def cuts(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than what every text encoder reads of it; needs no network."""
        asked = [self.interface.as_read(text) for text in texts]
        with self._counting:
            cut = [bool(self._counters)] * len(texts)
            for tokenizer in self._counters:
                longest = min(self.interface.longest, tokenizer.model_max_length)
                lengths = map(len, tokenizer(asked).input_ids)
                cut = [others and length > longest for others, length in zip(cut, lengths, strict=True)]
        return cut

    @cached_property
    def _counters(self) -> list[Any]:
        """Tokenizers of `cuts` alone: one that a pipeline uses at the moment takes no other calls."""
        return [deepcopy(tokenizer) for tokenizer in self._checkpoint.tokenizers.values()]

    def _each(self, texts: Sequence[Any], negative: bool) -> list[dict[str, Tensor]]:
        if texts:
            self.ready()
        distinct = list(dict.fromkeys(texts))
        done: dict[Any, dict[str, Tensor]] = {}
        for chunk in chunks(distinct, 1 if self._ragged else self.limit.size):
            for text, features in zip(chunk, self._run(chunk, negative), strict=True):
                done.setdefault(text, features)
        return [done[text] for text in texts]

    @torch.inference_mode()
    def _run(self, chunk: list[Any], negative: bool) -> list[dict[str, Tensor]]:
        face = self.interface
        paired = negative and face.encodes_pairs
        if paired:  # None is the pipeline's own negative text, which a batch has throughout or not at all
            own = chunk[0] is None
            arguments = face.encode_arguments([""] * len(chunk), None if own else list(chunk), True)
        else:
            arguments = face.encode_arguments([text or "" for text in chunk], None, False)
        arguments["device"] = self._device
        made = dict(zip(face.returned, _as_tuple(self._pipe.encode_prompt(**arguments)), strict=True))
        found = {name: value for name, value in made.items() if name in face.features and value is not None}
        if negative and not paired:
            found = {NEGATIVE + name: value for name, value in found.items()}
        found = {name: value for name, value in found.items() if name.startswith(NEGATIVE) == negative}
        found = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in found.items()}
        rows = [{name: value[row].cpu().clone() for name, value in found.items()} for row in range(len(chunk))]
        return [self._padded(row, NEGATIVE if negative else "") for row in rows]

    def _padded(self, row: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
        """Features of varying length with a mask, padded so that rows of similar lengths share a shape.

        There is always some padding: pipelines drop a mask of all ones, and another kernel would run without it.
        """
        name, mask = f"{prefix}prompt_embeds", f"{prefix}prompt_embeds_mask"
        if self._ragged and mask.removeprefix(prefix) in self.interface.features:
            tokens = len(row[name])
            missing = _ROUNDED - tokens % _ROUNDED
            there = row.get(mask, torch.ones(tokens, dtype=torch.long))
            row[name], row[mask] = F.pad(row[name], (0, 0, 0, missing)), F.pad(there, (0, missing))
        return row

    def _shape_of(self, text: str) -> Any:
        """The shape of the tokens that the networks are given for a text."""
        shapes: list[Any] = []

        def note(module: Any, positional: Any, named: dict[str, Any]) -> None:
            tokens = named.get("input_ids", positional[0] if positional else None)
            if isinstance(tokens, Tensor):
                shapes.append(tokens.shape)

        networks = [getattr(self._pipe, part) for part in self._checkpoint.half("text")]
        hooks = [
            network.register_forward_pre_hook(note, with_kwargs=True)
            for network in networks
            if isinstance(network, torch.nn.Module)
        ]
        self._run([text], negative=False)
        for hook in hooks:
            hook.remove()
        return shapes


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
