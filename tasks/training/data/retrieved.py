"""The things that captions name, encoded once for families that retrieve (models/generators/latent/things.py)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.generators.latent.base import LONGEST
from models.generators.latent.codec import Codec
from models.generators.latent.things import NOTHING, Looks, Memory
from tasks.training.data.feature_cache import FeatureCache

_AT_ONCE = 256  # captions


def named_things(memory: Memory, words: FeatureCache, done: Callable[[int], None] = lambda _: None) -> Tensor:
    """The things that each text names, (texts, 4, 2); `done` is told how many texts are read."""
    named = []
    for numbers in torch.arange(len(words)).split(_AT_ONCE):
        named.append(memory.named(words.batch(numbers, LONGEST)).cpu())
        done(int(numbers[-1]) + 1)
    return torch.cat(named)


class RetrievedThings:
    """Of each text the sheets of up to four things; `encode` makes the sheets with a codec.

    Args:
        done: is told how many texts are read.
    """

    def __init__(self, memory: Memory, words: FeatureCache, done: Callable[[int], None]) -> None:
        self._memory = memory
        named = named_things(memory, words, done)
        self._distinct, places = torch.cat([torch.tensor([[NOTHING]]).expand(1, 4, 2), named]).flatten(
            0, 1
        ).unique(dim=0, return_inverse=True)  # fmt: skip
        self._places = places.unflatten(0, (-1, 4))[1:]  # of each text's things among the distinct ones
        self._sheets = torch.empty(0)

    def misread(self, rows: Sequence[Mapping[str, Any]]) -> Tensor:
        """Of which rows the caption was read as other things than the data set says, (rows,) bool.

        What such rows show would teach networks to mistrust the things that they look at.
        """
        ids = [concept[0] for concept in self._memory.model.config.concepts]
        read = self._distinct[self._places[: len(rows)], 0].tolist()
        return torch.tensor([differs(one, ids, row.get("concepts")) for one, row in zip(read, rows, strict=True)])

    def encode(self, codec: Codec, size: int, device: str) -> None:
        """Makes the sheets for pictures of `size` pixels, and keeps them on a device."""
        looks = Looks(self._memory, codec, size)
        parts = [looks.of(part[None])[0].half() for part in self._distinct.split(_AT_ONCE)]
        self._sheets, self._places = torch.cat(parts).to(device), self._places.to(device)

    def batch(self, numbers: Tensor) -> Tensor:
        """The sheets of some texts, (rows, 4, 17, edge, edge * 3 / 2) float32."""
        return self._sheets[self._places[numbers.to(self._places.device)]].float()


def differs(read: Sequence[int], ids: Sequence[str], told: Sequence[str] | None) -> bool:
    """Whether a text was read as other concepts than those told, all of which the memory knows; -1 stands for none."""
    known = told is not None and set(told) <= set(ids)
    return known and sorted(ids[concept] for concept in read if concept >= 0) != sorted(told or ())
