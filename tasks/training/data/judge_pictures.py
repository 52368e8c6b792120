"""The pictures that the judge learns from (tasks/training/families/judge.py), with what they show."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from models.judge.model import EDGE, JudgeConfig
from tasks.datasets.emoji.backdrops import PLAIN, draw
from tasks.datasets.emoji.scenes import OBJECTS
from tasks.runfolder.errors import BadInput
from tasks.training.data.captioned import CaptionedDataset, decoded

_GROUNDS = 64  # plain backgrounds, which differ in colour


@dataclass(frozen=True)
class LabelledBatch:
    """The pictures of a step with what each shows."""

    pictures: Tensor  # (n, 3, 128, 128) float32 in [0, 1]
    picture: Tensor  # (objects,), the index of the picture that an object is in
    what: Tensor  # (objects, 2), indices of its concept and its colour
    where: Tensor  # (objects, 2), (x, y) of its middle, as fractions of the picture's edge
    place: Tensor  # (n,), indices
    sky: Tensor  # (n,), indices

    def to(self, device: str) -> "LabelledBatch":
        """The same on a device."""
        return LabelledBatch(*(getattr(self, name).to(device) for name in LabelledBatch.__dataclass_fields__))


@dataclass(frozen=True)
class JudgePictures:
    """A data set's distinct pictures, what each shows, and what is pasted onto them."""

    pictures: Tensor  # (n, 3, 128, 128) uint8
    what: list[Tensor]  # of each picture (objects, 2), indices of concepts and colours
    where: list[Tensor]  # of each picture (objects, 2), (x, y) of their middles, as fractions of the picture's edge
    place: Tensor  # (n,), indices
    sky: Tensor  # (n,), indices
    singles: Tensor  # rows to learn from that show one thing,
    scenes: Tensor  # and those that show several
    test: Tensor  # rows held out
    grounds: Tensor  # (grounds, 3, 128, 128) float32 in [0, 1], plain backgrounds
    sprites: Tensor  # (concepts, 4, 64, 64), none where the data set has none
    chances: Tensor  # (concepts), of being pasted: half of all alike, half as often as scenes are about it
    tinted: Tensor  # (concepts), whether scenes have it in other colours than its own


def resized(image: Image.Image) -> Tensor:
    """A picture as the judge sees it, (3, 128, 128) uint8."""
    reduced = image.convert("RGB").resize((EDGE, EDGE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(reduced).copy()).permute(2, 0, 1)


def read_judge_pictures(
    data: CaptionedDataset, config: JudgeConfig, done: Callable[[int], None] = lambda rows: None
) -> JudgePictures:
    """The data set's distinct pictures; `done` is told how many rows have been looked at.

    Raises BadInput when it does not record what they show.
    """
    number = {concept: i for i, concept in enumerate(config.concepts)}
    known: set[bytes] = set()
    told = torch.zeros(len(number), 2)  # how many things scenes are about, and how many of those have a changed colour
    pictures: list[Tensor] = []
    what, where, places, skies = [], [], [], []
    parts: dict[str, list[int]] = {"singles": [], "scenes": [], "test": []}
    for number_of_row, row in enumerate(data.rows):
        done(number_of_row)
        digest = hashlib.sha256(row["image"]["bytes"]).digest()
        if digest in known or not row["objects"]:
            continue
        known.add(digest)
        # Pictures of single things have captions of both splits: one in forty is held out.
        single = row["kind"] != "scene"
        held_out = digest[0] < 256 // 40 if single else row["split"] == "test"
        parts["test" if held_out else "singles" if single else "scenes"].append(len(pictures))
        objects = [o for o in row["objects"] if o["concept"] in number]
        colours = [config.colours.index(o["colour"]) if o.get("colour") else len(config.colours) for o in objects]
        known_as = [number[o["concept"]] for o in objects]
        if not single and not held_out:
            for o in objects:
                told[number[o["concept"]]] += torch.tensor([o["slot"] in OBJECTS, bool(o.get("colour"))])
        what.append(torch.tensor([known_as, colours], dtype=torch.long).T)
        where.append(torch.tensor([(o["x"], o["foot"] - o["size"] / 2) for o in objects]).reshape(-1, 2))
        pictures.append(resized(decoded(row["image"])))
        places.append(config.places.index(row["place"] or PLAIN))
        skies.append(config.skies.index(row["sky"] or PLAIN))
    done(len(data.rows))
    learned = parts["singles"] + parts["scenes"]
    if not learned:
        raise BadInput(
            "The data set does not record what its pictures show, which a judge learns: make one with "
            "`imagemill dataset emoji`."
        )
    ours = [i for i, concept in enumerate(data.concepts) if concept["id"] in number]
    return JudgePictures(
        torch.stack(pictures),
        what,
        where,
        torch.tensor(places),
        torch.tensor(skies),
        torch.tensor(parts["singles"] or learned),
        torch.tensor(parts["scenes"] or learned),
        torch.tensor(parts["test"] or learned[:1]),
        _plain_grounds(),
        F.avg_pool2d(data.sprites[ours], 2),
        0.5 / len(number) + 0.5 * told[:, 0] / told[:, 0].sum().clamp(min=1),
        told[:, 1] > 0,
    )


def _plain_grounds() -> Tensor:
    rng = np.random.default_rng(0)
    drawn = np.stack([draw(PLAIN, PLAIN, None, rng, EDGE) for _ in range(_GROUNDS)])
    return torch.from_numpy(drawn.astype(np.float32)).permute(0, 3, 1, 2)
