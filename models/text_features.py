"""Text features, as they pass from a text encoder to a generator.

A row's *features* are one tensor, (tokens, width) float32, unpadded. It depends on the row's text alone, so it can be
cached and sent. `pad` makes a batch of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Encoded = Tensor | dict[str, Tensor]
"""A row's features: one tensor, or a diffusers checkpoint's dict of tensors (models/diffusers/text_half.py)."""


@dataclass(frozen=True)
class Features:
    """A padded batch: `tokens` (rows, length, width) float32, zero where padded; `mask` (rows, length) bool."""

    tokens: Tensor
    mask: Tensor

    @property
    def pooled(self) -> Tensor:
        """The mean over each row's own tokens, (rows, width)."""
        weight = self.mask.unsqueeze(-1).to(self.tokens.dtype)
        return (self.tokens * weight).sum(1) / weight.sum(1).clamp(min=1)

    def to(self, device: str) -> "Features":
        """The same batch on another device."""
        return Features(self.tokens.to(device), self.mask.to(device))


BUCKET = 16  # token lengths are rounded up to a multiple of this, so that kernels see few shapes


def alike(features: Sequence[Tensor], longest: int) -> list[list[int]]:
    """Indices of rows (tokens_i, width) by the length that `pad` gives them, of at most `longest` tokens each."""
    buckets: dict[int, list[int]] = {}
    for i, row in enumerate(features):
        buckets.setdefault(-(-min(len(row), longest) // BUCKET), []).append(i)
    return list(buckets.values())


def pad(features: Sequence[Tensor], multiple: int = BUCKET) -> Features:
    """Pads rows of (tokens_i, width) with zeros to one length, rounded up to a multiple, on their device."""
    longest = max(len(row) for row in features)
    length = -(-longest // multiple) * multiple
    tokens = features[0].new_zeros(len(features), length, features[0].shape[1], dtype=torch.float32)
    mask = features[0].new_zeros(len(features), length, dtype=torch.bool)
    for i, row in enumerate(features):
        tokens[i, : len(row)] = row
        mask[i, : len(row)] = True
    return Features(tokens, mask)
