"""Text features of captions, kept on disk, where several trainings share them."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional as F

from models.checkpoint import save_tensors
from models.text_features import Features

A_FILE = 2048  # texts
_AT_ONCE = 65_536  # tokens
_LEAST_SPREAD = 0.01
_MULTIPLE = 4  # lengths of batches are rounded up to it, so that kernels see few shapes


class Encoder(Protocol):
    """The part of a text encoder that training needs."""

    name: str
    digest: str
    width: int

    def encode(self, texts: list[str]) -> list[Tensor]:
        """Features (tokens, width) float32 of each text."""
        ...


class FeatureCache:
    """Features of texts by number, in memory as float16."""

    def __init__(self, paths: list[Path]) -> None:
        tokens, lengths = [], []
        for path in paths:
            with safe_open(path, "pt") as file:
                tokens.append(file.get_tensor("tokens"))
                lengths.append(file.get_tensor("lengths"))
        self.tokens = torch.cat(tokens)
        self.starts = F.pad(torch.cat(lengths).cumsum(0), (1, 0))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, number: int) -> Tensor:
        """(tokens, width) float32."""
        return self.tokens[self.starts[number] : self.starts[number + 1]].float()

    def batch(self, numbers: Tensor, longest: int) -> Features:
        """The features of several texts, cut to `longest` tokens and padded, on the device that they are kept on."""
        device = self.tokens.device
        starts = self.starts[numbers]
        lengths = (self.starts[numbers + 1] - starts).clamp(max=longest)
        steps = torch.arange(-(-int(lengths.max()) // _MULTIPLE) * _MULTIPLE)
        mask = (steps < lengths[:, None]).to(device)
        places = (starts[:, None] + steps).clamp(max=len(self.tokens) - 1).to(device)
        return Features(self.tokens[places].float() * mask[..., None], mask)

    def to(self, device: str) -> None:
        """Keeps the features on a device."""
        self.tokens = self.tokens.to(device)

    def length(self, number: int) -> int:
        """How many tokens a text has."""
        return int(self.starts[number + 1] - self.starts[number])

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (width,) of every feature over all tokens but the first of each text.

        The first token's features are an outlier in a causal language model: it has nothing to attend to. A feature
        that hardly varies, as where all captions are alike, gets a deviation of 1% of the features' root mean square:
        divided by less, those of any other text would leave the range of half precision.
        """
        others = torch.ones(len(self.tokens), dtype=torch.bool)
        others[self.starts[:-1]] = False
        chosen = (others if others.any() else ~others).nonzero().squeeze(1)
        total, squares = torch.zeros(2, self.tokens.shape[1], dtype=torch.float64)
        for part in chosen.split(_AT_ONCE):
            tokens = self.tokens[part].double()
            total += tokens.sum(0)
            squares += tokens.square().sum(0)
        mean = total / len(chosen)
        variance = (squares - total * mean).clamp(min=0) / max(1, len(chosen) - 1)
        least = _LEAST_SPREAD * float(squares.mean() / len(chosen)) ** 0.5
        return mean.float(), variance.sqrt().clamp(min=max(least, 1e-4)).float()


def keep_once(path: Path, make: Callable[[], dict[str, Tensor]]) -> None:
    """Writes the tensors that `make` computes to a file of a cache, if it is missing or was cut short.

    Of two trainings at once one computes them, and the other waits.
    """
    if _whole(path):
        return
    with FileLock(path.parent / ".cache.lock"):
        if not _whole(path):
            save_tensors(path, make())


def _whole(path: Path) -> bool:
    try:
        with safe_open(path, "pt"):
            return True
    except (SafetensorError, OSError):
        return False


def cached_features(folder: Path, texts: list[str], encoder: Encoder, done: Callable[[int], None]) -> FeatureCache:
    """The features of the texts, in files of 2,048 under `folder`, those that are there already taken as they are.

    Calls `done` with how many texts are ready, so that a progress bar can follow.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for start in range(0, len(texts), A_FILE):
        part = texts[start : start + A_FILE]
        key = hashlib.sha256("\0".join([encoder.digest, *part]).encode()).hexdigest()[:16]
        paths.append(folder / f"features-{key}.safetensors")
        keep_once(paths[-1], partial(_encoded, part, encoder))
        done(start + len(part))
    return FeatureCache(paths)


def _encoded(texts: list[str], encoder: Encoder) -> dict[str, Tensor]:
    rows = [row.half() for row in encoder.encode(texts)]
    return {"tokens": torch.cat(rows), "lengths": torch.tensor([len(row) for row in rows])}
