"""Which rows a step learns from: a function of the seed and the step alone, so that a training can be resumed."""

import torch
from torch import Tensor


def rows_of_step(pool: Tensor, amount: int, step: int, seed: int, stream: int) -> list[int]:
    """`amount` rows of a pool (rows,): a permutation an epoch, read on without a gap.

    Args:
        stream: tells the pools of one training apart.
    """
    rows: list[int] = []
    at = step * amount
    while len(rows) < amount:
        epoch, place = divmod(at + len(rows), len(pool))
        order = _permutation(len(pool), seed, stream, epoch)
        rows += pool[order[place : place + amount - len(rows)]].tolist()
    return rows


_kept: dict[tuple[int, int, int], tuple[int, Tensor]] = {}


def _permutation(size: int, seed: int, stream: int, epoch: int) -> Tensor:
    key = (size, seed, stream)
    if key not in _kept or _kept[key][0] != epoch:
        source = torch.Generator().manual_seed((seed * 7919 + stream) * 100_003 + epoch)
        _kept[key] = epoch, torch.randperm(size, generator=source)
    return _kept[key][1]
