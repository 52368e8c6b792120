"""Small captioned pictures in memory, with the features of their captions: what the latent families learn from."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from models.generators.latent.base import LONGEST
from models.text_features import Features, pad
from tasks.runfolder.errors import BadInput
from tasks.training.data.augment import Augmentation, may_mirror
from tasks.training.data.captioned import CaptionedDataset, Refused, content_of, decoded
from tasks.training.data.feature_cache import A_FILE, FeatureCache, keep_once


@dataclass(frozen=True)
class PictureDataset:
    """Pictures (rows, 3, edge, edge) uint8, features of every wording of their captions, and which row is for what."""

    data: CaptionedDataset
    pictures: Tensor
    wordings: Sequence[FeatureCache]  # the captions', then those of each other wording of them
    train: Tensor
    test: Tensor
    augmentation: Augmentation

    def training_batch(self, rows: list[int], device: str) -> tuple[Features, Tensor]:
        """Words and pictures (n, 3, edge, edge) in [0, 1] of these rows, both varied."""
        chosen = torch.randint(len(self.wordings), (len(rows),)).tolist()
        words = pad([self.wordings[k][i][:LONGEST] for k, i in zip(chosen, rows, strict=True)], 4)
        mirror = torch.tensor([may_mirror(self.data.rows[i]["caption"]) for i in rows])
        pictures = self.augmentation.pictures(self.pictures[rows].to(device).float() / 255, mirror.to(device))
        return self.augmentation.words(words.to(device)), pictures

    def batch(self, rows: list[int], device: str) -> tuple[Features, Tensor]:
        """Words and pictures (n, 3, edge, edge) in [0, 1] of these rows, without augmentation."""
        words = pad([self.wordings[0][i][:LONGEST] for i in rows], 4)
        return words.to(device), self.pictures[rows].to(device).float() / 255


def cached_pictures(
    folder: Path, data: CaptionedDataset, edge: int, done: Callable[[int], None]
) -> tuple[Tensor, list[int]]:
    """The rows' pictures (rows, 3, edge, edge) uint8, cut to a square around the middle, and which could not be read.

    They are kept under `folder`, in files of 2,048. Latents are not kept: pictures are varied anew in every epoch, and
    the codec's encoder, a matrix product, takes less time than reading its result would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[Tensor] = []
    broken: list[int] = []
    for start in range(0, len(data.rows), A_FILE):
        rows = data.rows[start : start + A_FILE]
        key = hashlib.sha256(str(edge).encode())
        for row in rows:
            key.update(hashlib.sha256(content_of(row["image"])).digest())
        path = folder / f"pictures-{key.hexdigest()[:16]}.safetensors"
        keep_once(path, partial(_squares, rows, edge))
        with safe_open(path, "pt") as file:
            parts.append(file.get_tensor("pictures"))
            broken += [start + i for i in (~file.get_tensor("ok")).nonzero().flatten().tolist()]
        done(start + len(rows))
    return torch.cat(parts), broken


def _squares(rows: Sequence[Mapping[str, Any]], edge: int) -> dict[str, Tensor]:
    made = [_square(row["image"], edge) for row in rows]
    blank = torch.zeros(3, edge, edge, dtype=torch.uint8)
    pictures = torch.stack([blank if picture is None else picture for picture in made])
    return {"pictures": pictures, "ok": torch.tensor([picture is not None for picture in made])}


def _square(image: object, edge: int) -> Tensor | None:
    try:
        picture = decoded(image)
    except ValueError:
        return None
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    cut = picture.resize((edge, edge), Image.Resampling.LANCZOS, (left, top, left + side, top + side), reducing_gap=3)
    return torch.from_numpy(np.asarray(cut).copy()).permute(2, 0, 1)


def split(data: CaptionedDataset, broken: list[int]) -> tuple[Tensor, Tensor, list[Refused]]:
    """Rows to learn from, rows held out, and those that neither may be: `broken`, with the reason.

    Raises BadInput when there are none to learn from.
    """
    refused = [Refused(data.rows[i]["file"], data.rows[i]["row"], "its picture cannot be decoded") for i in broken]
    usable = sorted(set(range(len(data.rows))) - set(broken))
    train = [i for i in usable if data.rows[i]["split"] == "train"]
    if not train:
        raise BadInput(
            f"The data set has no row of the split `train` with a picture that can be read ({len(broken)} of "
            f"{len(data.rows)} pictures cannot): mend the pictures, or mark rows to learn from."
        )
    test = [i for i in usable if data.rows[i]["split"] == "test"] or train[:64]
    return torch.tensor(train), torch.tensor(test), refused
