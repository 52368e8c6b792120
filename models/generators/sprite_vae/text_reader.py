"""From a text's features to a scene: the named objects in order of mention, their colours, and the place and sky.

Each object slot attends to tokens with four heads; the language model's own features there become a query, which is
matched against the key of every concept in memory. A key is mostly a projection, shared by all concepts, of the mean
features of the concept's captions, so that names that training never saw are found by their meaning (prototypical
networks, Snell 2017), plus a small learned embedding for each concept.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OBJECT_SLOTS = 4
HEADS = 4  # attention heads of a slot: a name may be several tokens, its colour is another
NOISE, HIDDEN = 0.3, 0.12  # in training: deviation of noise on normalised features, share of dropped tokens
OWN = 0.3  # weight of a concept's own embedding in its key, against 1 for the projection of its captions


@dataclass
class Reading:
    """What a batch of n texts says."""

    present: Tensor  # (n, 4) logits: whether an object slot is filled
    concepts: Tensor  # (n, 4, concepts) logits
    colours: Tensor  # (n, 4, colours + 1) logits, the last for an object's own colour
    slots: Tensor  # (n, 4, width) features of the object slots
    scene: Tensor  # (n, width) features of the scene
    place: Tensor  # (n, places) logits
    sky: Tensor  # (n, skies) logits
    words: Tensor  # (n, 5, tokens) attention of the object slots and, last, of the scene
    keys: Tensor  # (concepts, key) of all concepts


class TextReader(nn.Module):
    """A small transformer over (n, tokens, features); `mean` and `spread` normalise a frozen encoder's features.

    `meanings` (concepts, features), the pooled features of each concept's captions, are set from the data set and not
    learned: see `pooled`.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self, features: int, concepts: int, colours: int, places: int, skies: int, width: int = 192, key: int = 256
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.enter = nn.Linear(features, width)
        shape: dict[str, Any] = {"d_model": width, "nhead": 4, "dim_feedforward": 2 * width, "dropout": 0.1}
        shape |= {"batch_first": True, "norm_first": True, "activation": "gelu"}
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**shape), 1, enable_nested_tensor=False)
        self.queries = nn.Parameter(torch.randn(OBJECT_SLOTS + 1, width) * 0.5)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**shape), 1, nn.LayerNorm(width))
        self.point = nn.Linear(width, HEADS * width)
        self.pointed = nn.Linear(width, width)
        read = HEADS * features + width
        self.ask = nn.Sequential(nn.LayerNorm(read), nn.Dropout(0.3), nn.Linear(read, key))
        self.key = key
        self.meanings = nn.Parameter(torch.zeros(concepts, features), requires_grad=False)
        self.meant = nn.Sequential(nn.Dropout(0.3), nn.Linear(features, key))
        self._known: Tensor | None = None
        self.own = nn.Parameter(0.1 * torch.randn(concepts, key))
        self.sharpness = nn.Parameter(torch.tensor(2.7))
        self.colour = nn.Sequential(nn.LayerNorm(read), nn.Dropout(0.1), nn.Linear(read, colours + 1))
        self.present = nn.Linear(width, 1)
        self.place = nn.Linear(read, places)
        self.sky = nn.Linear(read, skies)

    def normalised(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Features (n, tokens, features) with mean 0 and spread 1 where the mask is true, 0 elsewhere."""
        return ((tokens - self.mean) / self.spread) * mask.unsqueeze(-1)

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The mean of each text's normalised features without the start token, (n, features)."""
        return self.normalised(tokens, mask)[:, 1:].sum(1) / (mask.sum(1, keepdim=True) - 1).clamp(min=1)

    def train(self, mode: bool = True) -> Self:
        self._known = None
        return super().train(mode)

    def keys(self) -> Tensor:
        """The key of every concept, (concepts, key), of unit length; computed once outside training."""
        if self._known is not None:
            return self._known
        keys = F.normalize(F.normalize(self.meant(self.meanings), dim=-1) + OWN * self.own, dim=-1)
        if not self.training and not keys.requires_grad:
            self._known = keys
        return keys

    def forward(self, tokens: Tensor, mask: Tensor) -> Reading:
        """Features (n, tokens, features) float32 and their mask (n, tokens) bool to what the text says."""
        tokens = self.normalised(tokens, mask)
        if self.training:
            tokens = tokens + NOISE * torch.randn_like(tokens)
            shown = torch.rand(mask.shape, device=mask.device) > HIDDEN
            shown[:, 0] = True
            mask = mask & shown
        hidden = self.encoder(self.enter(tokens), src_key_padding_mask=~mask)
        queries = self.queries.expand(len(tokens), -1, -1)
        slots = self.decoder(queries, hidden, memory_key_padding_mask=~mask)
        points = self.point(slots).unflatten(-1, (HEADS, -1)).flatten(1, 2)
        scores = points @ self.pointed(hidden).transpose(1, 2) / hidden.shape[-1] ** 0.5
        words = scores.masked_fill(~mask[:, None, :], -1e4).softmax(-1)
        pointed = (words @ tokens).unflatten(1, (-1, HEADS)).flatten(2)
        read = torch.cat([pointed, slots], -1)
        things, scene = read[:, :OBJECT_SLOTS], F.dropout(read[:, OBJECT_SLOTS], 0.2, self.training)
        asked = F.normalize(self.ask(things), dim=-1)
        keys = self.keys()
        concepts = self.sharpness.exp() * asked @ keys.T
        return Reading(
            self.present(slots[:, :OBJECT_SLOTS]).squeeze(-1),
            concepts,
            self.colour(things),
            slots[:, :OBJECT_SLOTS],
            slots[:, OBJECT_SLOTS],
            self.place(scene),
            self.sky(scene),
            words.unflatten(1, (-1, HEADS)).mean(2),
            keys,
        )
