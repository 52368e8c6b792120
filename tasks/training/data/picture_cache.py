"""Small captioned pictures in memory, with the features of their captions: what the latent families learn from."""

import hashlib
from collections.abc import Callable, Sequence
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
from models.generators.latent.things import Retrieved
from tasks.runfolder.errors import BadInput
from tasks.training.data.augment import Augmentation, may_mirror
from tasks.training.data.captioned import CaptionedDataset, Refused, content_of, decoded
from tasks.training.data.feature_cache import A_FILE, FeatureCache, keep_once
from tasks.training.data.retrieved import RetrievedThings


@dataclass
class PictureDataset:
    """Pictures, features of every wording of their captions, the things that these name, and which row is for what."""

    pictures: Tensor
    """(pictures, 3, edge, edge) uint8."""
    shown: Tensor
    """(rows,): the picture of each row; several captions may share one."""
    words: FeatureCache
    """Of all captions, then of all their other wordings."""
    things: RetrievedThings | None
    train: Tensor
    test: Tensor
    may_mirror: Tensor
    """(rows,) bool."""
    augmentation: Augmentation

    def to(self, device: str) -> None:
        """Keeps pictures and features on a device, so that batches need not be copied there."""
        self.pictures = self.pictures.to(device)
        self.words.to(device)

    def training_batch(self, rows: list[int]) -> tuple[Retrieved, Tensor]:
        """What the captions of these rows ask for, and pictures (n, 3, edge, edge) in [0, 1], both varied."""
        numbers = torch.tensor(rows)
        wordings = len(self.words) // len(self.shown)
        worded = numbers + torch.randint(wordings, (len(rows),)) * len(self.shown)
        texts, pictures = self._batch(worded, numbers)
        varied = self.augmentation.pictures(pictures, self.may_mirror[numbers].to(pictures.device))
        return Retrieved(texts.tokens, self.augmentation.words(texts), texts.things), varied

    def batch(self, rows: list[int]) -> tuple[Retrieved, Tensor]:
        """What the captions of these rows ask for, and their pictures (n, 3, edge, edge) in [0, 1], as they are."""
        return self._batch(torch.tensor(rows), torch.tensor(rows))

    def _batch(self, numbers: Tensor, rows: Tensor) -> tuple[Retrieved, Tensor]:
        words = self.words.batch(numbers, LONGEST)
        things = None if self.things is None else self.things.batch(numbers)
        places = self.shown[rows].to(self.pictures.device)
        return Retrieved(words.tokens, words.mask, things), self.pictures[places].float() / 255


def mirrored(data: CaptionedDataset) -> Tensor:
    """Which rows' pictures are still right when left and right are exchanged, (rows,) bool."""
    return torch.tensor([may_mirror(row["caption"]) for row in data.rows])


def cached_pictures(
    folder: Path, data: CaptionedDataset, edge: int, done: Callable[[int], None]
) -> tuple[Tensor, Tensor, list[int]]:
    """The data set's pictures (pictures, 3, edge, edge) uint8, cut to a square around the middle; which of them each
    row shows, (rows,); and the rows whose picture could not be read.

    They are kept under `folder`, in files of 2,048. Latents are not kept: pictures are varied anew in every epoch, and
    the codec's encoder, a matrix product, takes less time than reading its result would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[bytes, int] = {}
    shown = [found.setdefault(hashlib.sha256(content_of(row["image"])).digest(), len(found)) for row in data.rows]
    digests = list(found)
    images = {number: row["image"] for number, row in zip(reversed(shown), reversed(data.rows), strict=True)}
    parts, whole = [], []
    for start in range(0, len(digests), A_FILE):
        part = digests[start : start + A_FILE]
        path = folder / f"pictures-{hashlib.sha256(b''.join([str(edge).encode(), *part])).hexdigest()[:16]}.safetensors"
        keep_once(path, partial(_squares, [images[start + i] for i in range(len(part))], edge))
        with safe_open(path, "pt") as file:
            parts.append(file.get_tensor("pictures"))
            whole.append(file.get_tensor("ok"))
        done(start + len(part))
    ok = torch.cat(whole)[torch.tensor(shown)]
    return torch.cat(parts), torch.tensor(shown), (~ok).nonzero().flatten().tolist()


def _squares(images: Sequence[Any], edge: int) -> dict[str, Tensor]:
    made = [_square(image, edge) for image in images]
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
