"""The data set of `benchmarks.families_paint`, as trainings and evaluations see it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file
from torch import Tensor

from models.generators.latent.codec import Codec
from models.generators.latent.things import encoded
from models.text import gemma
from models.text_features import Features
from tasks.training.data.augment import Augmentation
from tasks.training.data.captioned import CaptionedDataset
from tasks.training.data.feature_cache import FeatureCache
from tasks.training.data.picture_cache import PictureDataset, mirrored
from tasks.training.data.retrieved import RetrievedThings

EDGE = 128


class Words:
    """What training needs of a text encoder, where features are made already."""

    name, digest, width = "gemma", gemma.DIGEST, gemma.CONFIG["hidden_size"]

    def __init__(self, captions: list[str], features: FeatureCache) -> None:
        self._numbers = {caption: number for number, caption in enumerate(captions)}
        self._features = features

    def encode(self, texts: Iterable[str]) -> list[Tensor]:
        return [self._features[self._numbers[text]].cpu() for text in texts]


class DrawnThings(RetrievedThings):
    """Things that are found and drawn already."""

    def __init__(self, places: Tensor, drawn: Tensor, texts: Tensor) -> None:
        self._drawn, self._places = drawn, places[texts]

    def encode(self, codec: Codec, size: int, device: str) -> None:
        codec.to(device)
        parts = [encoded(codec, part.to(device).float() / 255).half() for part in self._drawn.split(512)]
        self._sheets, self._places = torch.cat(parts).detach(), self._places.to(device)


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """The rows as `read_captioned` gives them, without pictures."""
    rows = pq.read_table(folder / "rows.parquet").to_pylist()
    return [row | {"objects": json.loads(row["objects"]), "licence": "MIT"} for row in rows]


def opened(folder: Path) -> tuple[CaptionedDataset, PictureDataset, Words]:
    """The data set as training sees it."""
    rows = rows_in(folder)
    tensors = load_file(folder / "scenes.safetensors")
    captions = list(dict.fromkeys(row["caption"] for row in rows))
    number = {caption: i for i, caption in enumerate(captions)}
    texts = torch.tensor([number[row["caption"]] for row in rows])
    distinct = FeatureCache([folder / "features.safetensors"])
    features = Shared(distinct, texts)
    things = DrawnThings(tensors["places"], tensors["sheets"], texts)
    data = PaintedDataset(rows, tensors["pictures"], tensors["shown"])
    right = tensors["right"].tolist()  # others teach networks to mistrust what they look at
    train = torch.tensor([i for i, row in enumerate(rows) if row["split"] == "train" and right[i]])
    test = torch.tensor([i for i, row in enumerate(rows) if row["split"] == "test"])
    pictures = PictureDataset(
        tensors["pictures"], tensors["shown"], features, things, train, test, mirrored(data), Augmentation()
    )
    return data, pictures, Words(captions, distinct)


class PaintedDataset(CaptionedDataset):
    """Rows whose pictures are tensors."""

    def __init__(self, rows: list[dict[str, Any]], pictures: Tensor, shown: Tensor) -> None:
        super().__init__(rows, [], torch.zeros(0, 4, EDGE, EDGE))
        object.__setattr__(self, "_pictures", (pictures, shown))

    def picture(self, row: int) -> Tensor:
        pictures, shown = self._pictures  # type: ignore[attr-defined]
        return pictures[shown[row]].float() / 255


class Shared(FeatureCache):
    """Features of rows whose captions repeat."""

    def __init__(self, distinct: FeatureCache, texts: Tensor) -> None:
        self._distinct, self._texts = distinct, texts
        self.tokens, self.starts = distinct.tokens, distinct.starts

    def __len__(self) -> int:
        return len(self._texts)

    def batch(self, numbers: Tensor, longest: int) -> Features:
        return self._distinct.batch(self._texts[numbers], longest)

    def to(self, device: str) -> None:
        self._distinct.to(device)
