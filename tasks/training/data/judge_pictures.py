"""The pictures that the judge learns from (tasks/training/families/judge.py), and how they are varied.

Pictures are moved, blurred, brightened and made noisy, so that the judge knows a thing in the softer pictures of other
families too. Four pictures of single things make a mosaic (as in YOLOv4, Bochkovskiy 2020), and sprites are pasted onto
scenes and clean grounds (as in Ghiasi 2021), half of those that may have another colour in one of the eleven: every
concept is seen large and small, alone and among others, and what may have any colour is known by its shape.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from models.generators.sprite_vae.compositor import paint
from models.generators.sprite_vae.recolour import COLOURS, recolour
from models.judge.model import EDGE, JudgeConfig
from tasks.datasets.emoji.backdrops import LIGHT, PLAIN, draw
from tasks.datasets.emoji.scenes import OBJECTS
from tasks.runfolder.errors import BadInput
from tasks.training.data.captioned import CaptionedDataset, decoded

_MOVED = EDGE // 16  # pixels that a picture is moved at most
_AMONG = 0.17, 0.55  # the smallest and the largest size of a sprite that is pasted into a scene, as shares of its edge,
_ALONE = 0.5, 0.9  # and of one on a clean ground
_GROUNDS = 64  # clean ones, which differ in colour


@dataclass(frozen=True)
class LabelledBatch:
    """Of a step: pictures (n, 3, 128, 128) in [0, 1], their `place` (n) and `sky` (n), and of every object the number
    of its `picture`, `what` it is and `where`, as in `JudgePictures`."""

    pictures: Tensor
    picture: Tensor
    what: Tensor
    where: Tensor
    place: Tensor
    sky: Tensor

    def to(self, device: str) -> "LabelledBatch":
        """The same on a device."""
        return LabelledBatch(*(getattr(self, name).to(device) for name in LabelledBatch.__dataclass_fields__))


@dataclass(frozen=True)
class JudgePictures:
    """Distinct pictures (n, 3, 128, 128) uint8 and what each shows: `what` (objects, 2), indices of concepts and of
    colours, and `where` (objects, 2), the (x, y) of their middles, as fractions. The others are indices."""

    pictures: Tensor
    what: list[Tensor]
    where: list[Tensor]
    place: Tensor
    sky: Tensor
    singles: Tensor  # to learn from: pictures of one thing,
    scenes: Tensor  # and of several
    test: Tensor
    grounds: Tensor  # (grounds, 3, 128, 128) in [0, 1], clean
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
        _clean_grounds(),
        F.avg_pool2d(data.sprites[ours], 2),
        0.5 / len(number) + 0.5 * told[:, 0] / told[:, 0].sum().clamp(min=1),
        told[:, 1] > 0,
    )


def _clean_grounds() -> Tensor:
    rng = np.random.default_rng(0)
    drawn = np.stack([draw(PLAIN, PLAIN, None, rng, EDGE) for _ in range(_GROUNDS)])
    return torch.from_numpy(drawn.astype(np.float32)).permute(0, 3, 1, 2)


def concatenated(parts: list[LabelledBatch]) -> LabelledBatch:
    """All pictures, one part's after another's."""
    first = torch.tensor([0, *(len(part.place) for part in parts[:-1])]).cumsum(0).tolist()
    moved = [replace(part, picture=part.picture + start) for part, start in zip(parts, first, strict=True)]
    return LabelledBatch(
        *(torch.cat([getattr(part, name) for part in moved]) for name in LabelledBatch.__dataclass_fields__)
    )


def mosaic(seen: LabelledBatch) -> LabelledBatch:
    """Every four pictures as quarters of one, which has the place and the sky of the first."""
    quarters = F.avg_pool2d(seen.pictures, 2).unflatten(0, (-1, 2, 2))  # (n, down, across, 3, height, width)
    pictures = quarters.permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, EDGE, EDGE)
    corner = torch.stack([seen.picture % 2, seen.picture % 4 // 2], 1) / 2
    return LabelledBatch(
        pictures, seen.picture // 4, seen.what, seen.where / 2 + corner, seen.place[::4], seen.sky[::4]
    )


def augmented(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures moved, blurred, brightened and noisy, and by how much (n, 2) of the picture they were moved."""
    n = len(pictures)
    padded = F.pad(pictures, (_MOVED,) * 4, mode="replicate")
    shift = torch.randint(0, 2 * _MOVED + 1, (n, 2))
    moved = torch.stack([p[:, y : y + EDGE, x : x + EDGE] for p, (x, y) in zip(padded, shift.tolist(), strict=True)])
    soft = F.interpolate(F.avg_pool2d(moved, 2), scale_factor=2, mode="bilinear", align_corners=False)
    moved = moved + (soft - moved) * (torch.rand(n, 1, 1, 1) * 1.6 - 0.6).clamp(min=0)
    moved = (moved - 0.5) * (1 + 0.2 * (torch.rand(n, 1, 1, 1) - 0.5)) + 0.5 + 0.1 * (torch.rand(n, 3, 1, 1) - 0.5)
    moved = moved + torch.randn_like(moved) * 0.03 * torch.rand(n, 1, 1, 1)
    return moved.clamp(0, 1), (_MOVED - shift) / EDGE


def on_plain_ground(
    amount: int, shown: JudgePictures, places: tuple[str, ...], skies: tuple[str, ...]
) -> LabelledBatch:
    """One thing each on a clean ground."""
    nothing = torch.empty(0, dtype=torch.long)
    place, sky = torch.full((amount,), places.index(PLAIN)), torch.full((amount,), skies.index(PLAIN))
    grounds = shown.grounds[torch.randint(len(shown.grounds), (amount,))]
    clean = LabelledBatch(grounds, nothing, nothing.reshape(0, 2), torch.empty(0, 2), place, sky)
    return paste_sprites(clean, shown, skies, most=1, sizes=_ALONE)


def paste_sprites(
    seen: LabelledBatch,
    shown: JudgePictures,
    skies: tuple[str, ...],
    most: int = 3,
    sizes: tuple[float, float] = _AMONG,
) -> LabelledBatch:
    """Pictures with one to `most` more things in the light of their sky, two in five times the same again.

    What they hide is told no longer: a thing whose middle is covered.
    """
    if not len(shown.sprites) or not len(seen.place):
        return seen
    made = []
    for n, sky in enumerate(seen.sky.tolist()):
        picture, light = seen.pictures[n].clone(), torch.tensor(LIGHT[skies[sky]])
        what, where = seen.what[seen.picture == n], seen.where[seen.picture == n]
        thing = _drawn(shown)
        for again in range(int(torch.randint(1, most + 1, ()))):
            if again and torch.rand(()) > 0.4:
                thing = _drawn(shown)
            cover, middle = _paste(picture, _sprite(shown, thing), light, sizes)
            x, y = (where.clamp(0, 1 - 1e-6) * EDGE).long().unbind(1)
            left = cover[y, x] < 0.5
            what, where = torch.cat([what[left], thing[None]]), torch.cat([where[left], middle[None]])
        number = torch.zeros(len(what), dtype=torch.long)
        made.append(LabelledBatch(picture[None], number, what, where, seen.place[n : n + 1], seen.sky[n : n + 1]))
    return concatenated(made)


def _drawn(shown: JudgePictures) -> Tensor:
    """A concept and its colour, (2,)."""
    concept = int(torch.multinomial(shown.chances, 1))
    tinted = bool(shown.tinted[concept]) and torch.rand(()) < 0.5
    return torch.tensor([concept, int(torch.randint(len(COLOURS), ())) if tinted else len(COLOURS)])


def _sprite(shown: JudgePictures, thing: Tensor) -> Tensor:
    concept, colour = thing.tolist()
    sprite = shown.sprites[concept]
    return sprite if colour == len(COLOURS) else recolour(sprite, tuple(COLOURS)[colour])


def _paste(picture: Tensor, sprite: Tensor, light: Tensor, sizes: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Paints a sprite somewhere in `picture`, in place: what it covers (128, 128), and its middle (x, y)."""
    size = sizes[0] * (sizes[1] / sizes[0]) ** float(torch.rand(()))
    aside = max(0.1, size / 2 - 0.12)  # at most an eighth of the picture hides beyond its edge
    x, foot = aside + (1 - 2 * aside) * float(torch.rand(())), min(0.98, size + (1.05 - size) * float(torch.rand(())))
    covered, rows, columns = paint(picture, sprite, (x, foot, math.log(size)), light)
    cover = torch.zeros(EDGE, EDGE)
    cover[rows, columns] = covered[0]
    return cover, torch.tensor([x, foot - size / 2])
