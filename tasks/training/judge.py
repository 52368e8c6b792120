"""Trains the judge of pictures (models/judge.py) on a data set that records what its pictures show.

Pictures are moved, blurred, brightened and made noisy, so that the judge knows a thing in the softer pictures of other
families too. Half of a step's pictures are scenes, a quarter show one thing, and a quarter are mosaics of four of those
(as in YOLOv4, Bochkovskiy 2020): every concept is seen as often as any, large and small. Captions play no part.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from models import checkpoint
from models.colour import COLOURS
from models.judge import EDGE, GRID, Judge, JudgeConfig
from tasks.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.errors import BadInput
from tasks.training.captioned import Captioned, decoded
from tasks.training.grid import write_grid
from tasks.training.loop import Family, Turn, rows_of

_MOVED = EDGE // 16  # pixels that a picture is moved at most


@dataclass(frozen=True)
class _Seen:
    """Of a step: pictures (n, 3, 128, 128) in [0, 1], their `place` (n) and `sky` (n), and of every object the number
    of its `picture`, `what` it is and `where`, as in `Shown`."""

    pictures: Tensor
    picture: Tensor
    what: Tensor
    where: Tensor
    place: Tensor
    sky: Tensor


@dataclass(frozen=True)
class Shown:
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


def small(image: Image.Image) -> Tensor:
    """A picture as the judge sees it, (3, 128, 128) uint8."""
    reduced = image.convert("RGB").resize((EDGE, EDGE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(reduced).copy()).permute(2, 0, 1)


def look(data: Captioned, config: JudgeConfig) -> Shown:
    """The data set's distinct pictures. Raises BadInput when it does not record what they show."""
    number = {concept: i for i, concept in enumerate(config.concepts)}
    known: set[bytes] = set()
    pictures: list[Tensor] = []
    what, where, place, sky = [], [], [], []
    parts: dict[str, list[int]] = {"singles": [], "scenes": [], "test": []}
    for row in data.rows:
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
        what.append(torch.tensor([known_as, colours], dtype=torch.long).T)
        where.append(torch.tensor([(o["x"], o["foot"] - o["size"] / 2) for o in objects]).reshape(-1, 2))
        pictures.append(small(decoded(row["image"])))
        place.append(config.places.index(row["place"] or PLAIN))
        sky.append(config.skies.index(row["sky"] or PLAIN))
    learned = parts["singles"] + parts["scenes"]
    if not learned:
        raise BadInput(
            "The data set does not record what its pictures show, which a judge learns: make one with "
            "`imagemill dataset emoji`."
        )
    return Shown(
        torch.stack(pictures),
        what,
        where,
        torch.tensor(place),
        torch.tensor(sky),
        torch.tensor(parts["singles"] or learned),
        torch.tensor(parts["scenes"] or learned),
        torch.tensor(parts["test"] or learned[:1]),
    )


def build_judge(data: Captioned, seed: int) -> Judge:
    """A judge with random weights for the data set's concepts."""
    torch.manual_seed(seed)
    concepts = tuple(c["id"] for c in data.concepts if c["kind"] != "element")
    return Judge(JudgeConfig(concepts, tuple(COLOURS), (*PLACES, PLAIN), (*SKIES, PLAIN)))


class JudgeFamily(Family[Judge]):
    """The judge and the pictures it learns from."""

    name = "judge"
    weights: ClassVar[dict[str, float]] = {"colour": 0.5, "place": 0.5, "sky": 0.5}

    def __init__(self, model: Judge, shown: Shown, batch: int, seed: int) -> None:
        self.model, self.shown, self.amount, self.seed = model, shown, batch, seed
        self.turns = [Turn([model])]

    def losses(self, turn: int, step: int) -> dict[str, Tensor]:
        mosaics = self.amount // 4
        scenes = self._seen(rows_of(self.shown.scenes, self.amount - 2 * mosaics, step, self.seed, 0))
        singles = rows_of(self.shown.singles, 5 * mosaics, step, self.seed, 1)
        parts = [scenes, self._seen(singles[:mosaics]), _mosaic(self._seen(singles[mosaics:]))]
        shown = _joined([part for part in parts if len(part.place)])
        pictures, moved = _varied(shown.pictures)
        return self._losses(replace(shown, pictures=pictures, where=shown.where + moved[shown.picture]))

    def _seen(self, rows: list[int]) -> "_Seen":
        s = self.shown
        what = torch.cat([torch.empty(0, 2, dtype=torch.long), *(s.what[row] for row in rows)])
        where = torch.cat([torch.empty(0, 2), *(s.where[row] for row in rows)])
        picture = torch.arange(len(rows)).repeat_interleave(torch.tensor([len(s.what[row]) for row in rows]).long())
        return _Seen(s.pictures[rows].float() / 255, picture, what, where, s.place[rows], s.sky[rows])

    def _losses(self, shown: "_Seen") -> dict[str, Tensor]:
        verdict = self.model(shown.pictures)
        inside = ((shown.where >= 0) & (shown.where < 1)).all(1)
        picture, middle = shown.picture[inside], shown.where[inside] * GRID
        concept, colour = shown.what[inside].unbind(1)
        x, y = middle.long().unbind(1)
        losses = {
            "there": _focal(verdict.there.float(), picture, middle),
            "place": F.cross_entropy(verdict.place, shown.place),
            "sky": F.cross_entropy(verdict.sky, shown.sky),
        }
        if len(picture):
            embedding = verdict.embedding[picture, :, y, x].float()
            losses["concept"] = F.cross_entropy(self.model.concepts(embedding), concept, label_smoothing=0.05)
            losses["colour"] = F.cross_entropy(verdict.colours[picture, :, y, x], colour)
        return losses

    @torch.no_grad()
    def figures(self, model: Judge) -> dict[str, float]:
        """Of the held-out pictures: things found (of all, the right concept where it stands), colours, place, sky."""
        model.eval()
        s, right = self.shown, {"thing": 0, "colour": 0, "place": 0, "sky": 0}
        things = 0
        for rows in s.test.split(64):
            verdict = model(s.pictures[rows].float() / 255)
            right["place"] += int((verdict.place.argmax(-1) == s.place[rows]).sum())
            right["sky"] += int((verdict.sky.argmax(-1) == s.sky[rows]).sum())
            seen = model.things(verdict)
            for n, row in enumerate(rows.tolist()):
                for (concept, colour), (x, y) in zip(s.what[row].tolist(), s.where[row].tolist(), strict=True):
                    things += 1
                    near = [t for t in seen[n] if abs(t.x - x) < 0.1 and abs(t.y - y) < 0.1 and t.concept == concept]
                    right["thing"] += bool(near)
                    own = -1 if colour == len(model.config.colours) else colour
                    right["colour"] += any(t.colour == own for t in near)
        shares = {"thing": things, "colour": things, "place": len(s.test), "sky": len(s.test)}
        return {f"held-out {name}": right[name] / max(1, shares[name]) for name in right}

    @torch.no_grad()
    def sample(self, model: Judge, path: Path) -> None:
        """Writes a grid: pictures above, where things are seen below."""
        model.eval()
        pictures = self.shown.pictures[self.shown.test[:8]].float() / 255
        there = model(pictures).there.sigmoid()[:, None].expand(-1, 3, -1, -1)
        write_grid(path, [pictures, F.interpolate(there, (EDGE, EDGE))])

    def save(self, model: Judge, folder: Path, steps: int, card: str) -> None:
        checkpoint.save(folder, self.name, replace(self.model.config, steps=steps), model, card)


def _joined(parts: list[_Seen]) -> _Seen:
    """All pictures, one part's after another's."""
    first = torch.tensor([0, *(len(part.place) for part in parts[:-1])]).cumsum(0).tolist()
    moved = [replace(part, picture=part.picture + start) for part, start in zip(parts, first, strict=True)]
    return _Seen(*(torch.cat([getattr(part, name) for part in moved]) for name in _Seen.__dataclass_fields__))


def _mosaic(seen: _Seen) -> _Seen:
    """Every four pictures as quarters of one, which has the place and the sky of the first."""
    quarters = F.avg_pool2d(seen.pictures, 2).unflatten(0, (-1, 2, 2))  # (n, down, across, 3, height, width)
    pictures = quarters.permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, EDGE, EDGE)
    corner = torch.stack([seen.picture % 2, seen.picture % 4 // 2], 1) / 2
    return _Seen(pictures, seen.picture // 4, seen.what, seen.where / 2 + corner, seen.place[::4], seen.sky[::4])


def _varied(pictures: Tensor) -> tuple[Tensor, Tensor]:
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


def _focal(logits: Tensor, picture: Tensor, middle: Tensor) -> Tensor:
    """CenterNet's: cells near a middle count less as mistakes, the nearer the less."""
    cells = torch.arange(GRID) + 0.5
    near = torch.zeros_like(logits)
    for i, (x, y) in zip(picture.tolist(), middle.tolist(), strict=True):
        across, down = torch.exp(-((cells - x) ** 2) / 1.2), torch.exp(-((cells - y) ** 2) / 1.2)
        near[i] = torch.maximum(near[i], down[:, None] * across[None, :])
    x, y = middle.long().unbind(1)
    found = F.logsigmoid(logits)[picture, y, x] * (1 - logits.sigmoid()[picture, y, x]) ** 2
    wrong = F.logsigmoid(-logits) * logits.sigmoid() ** 2 * (1 - near) ** 4
    here = torch.zeros_like(logits, dtype=torch.bool)
    here[picture, y, x] = True
    return -(found.sum() + wrong[~here].sum()) / max(1, len(picture))
