"""Reads a text's features: what is named (in order of mention), and which place and sky.

Each object slot points at words (attention over the tokens), and what it points at, taken straight from the language
model's features, becomes a query that is matched against the key of every concept in memory.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OBJECT_SLOTS = 4


@dataclass
class Reading:
    """Of a batch: `present` (n, 4) logits, `concepts` (n, 4, concepts) logits, `slots` (n, 4, width) and `scene`
    (n, width) features, `place` (n, places) and `sky` (n, skies) logits, `words` (n, 5, tokens) attention."""

    present: Tensor
    concepts: Tensor
    slots: Tensor
    scene: Tensor
    place: Tensor
    sky: Tensor
    words: Tensor


class Reader(nn.Module):
    """A small transformer over (n, tokens, features); `mean` and `spread` normalise a frozen encoder's features."""

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int, concepts: int, places: int, skies: int, width: int = 192) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.enter = nn.Linear(features, width)
        shape: dict[str, Any] = {"d_model": width, "nhead": 4, "dim_feedforward": 2 * width, "dropout": 0.1}
        shape |= {"batch_first": True, "norm_first": True, "activation": "gelu"}
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**shape), 2, enable_nested_tensor=False)
        self.queries = nn.Parameter(torch.randn(OBJECT_SLOTS + 1, width) * 0.5)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**shape), 1, nn.LayerNorm(width))
        self.point = nn.Linear(width, width)
        self.pointed = nn.Linear(width, width)
        self.ask = nn.Sequential(nn.LayerNorm(features + width), nn.Dropout(0.3), nn.Linear(features + width, width))
        self.keys = nn.Parameter(torch.randn(concepts, width))
        self.sharpness = nn.Parameter(torch.tensor(2.7))
        self.present = nn.Linear(width, 1)
        self.place = nn.Linear(width + features, places)
        self.sky = nn.Linear(width + features, skies)

    def forward(self, tokens: Tensor, mask: Tensor) -> Reading:
        tokens = ((tokens - self.mean) / self.spread) * mask.unsqueeze(-1)
        hidden = self.encoder(self.enter(tokens), src_key_padding_mask=~mask)
        queries = self.queries.expand(len(tokens), -1, -1)
        slots = self.decoder(queries, hidden, memory_key_padding_mask=~mask)
        scores = self.point(slots) @ self.pointed(hidden).transpose(1, 2) / hidden.shape[-1] ** 0.5
        words = scores.masked_fill(~mask[:, None, :], -1e4).softmax(-1)
        read = torch.cat([words @ tokens, slots], -1)
        asked = F.normalize(self.ask(read[:, :OBJECT_SLOTS]), dim=-1)
        concepts = self.sharpness.exp() * asked @ F.normalize(self.keys, dim=-1).T
        scene = F.dropout(read[:, OBJECT_SLOTS], 0.2, self.training)
        return Reading(
            self.present(slots[:, :OBJECT_SLOTS]).squeeze(-1),
            concepts,
            slots[:, :OBJECT_SLOTS],
            slots[:, OBJECT_SLOTS],
            self.place(scene),
            self.sky(scene),
            words,
        )
