"""Trains the judge of pictures (models/judge.py) on a data set that records what its pictures show.

Pictures are moved, blurred, brightened and made noisy, so that the judge knows a thing in the softer pictures of other
families too. Captions play no part.
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
from models.judge import EDGE, GRID, Judge, JudgeConfig, Verdict
from tasks.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.errors import BadInput
from tasks.training.captioned import Captioned, decoded
from tasks.training.grid import write_grid
from tasks.training.loop import Family, Turn, rows_of

_MOVED = 4  # pixels of 64 that a picture is moved at most


@dataclass(frozen=True)
class Shown:
    """Distinct pictures (n, 3, 64, 64) uint8 and what they show: one line an object of (picture, concept, colour)
    indices in `what`, and of (x, y) of its middle, as fractions, in `where`."""

    pictures: Tensor
    what: Tensor
    where: Tensor
    place: Tensor
    sky: Tensor
    train: Tensor
    test: Tensor


def small(image: Image.Image) -> Tensor:
    """A picture as the judge sees it, (3, 64, 64) uint8."""
    reduced = image.convert("RGB").resize((EDGE, EDGE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(reduced).copy()).permute(2, 0, 1)


def look(data: Captioned, config: JudgeConfig) -> Shown:
    """The data set's distinct pictures. Raises BadInput when it does not record what they show."""
    number = {concept: i for i, concept in enumerate(config.concepts)}
    known: set[bytes] = set()
    pictures: list[Tensor] = []
    what, where, place, sky = [], [], [], []
    parts: dict[str, list[int]] = {"train": [], "test": []}
    for row in data.rows:
        digest = hashlib.sha256(row["image"]["bytes"]).digest()
        if digest in known or not row["objects"]:
            continue
        known.add(digest)
        # Pictures of single things have captions of both splits: one in forty is held out.
        single = row["kind"] != "scene"
        part = ("test" if digest[0] < 256 // 40 else "train") if single else row["split"]
        parts[part].append(len(pictures))
        for o in row["objects"]:
            if o["concept"] in number:
                colour = config.colours.index(o["colour"]) if o.get("colour") else len(config.colours)
                what.append((len(pictures), number[o["concept"]], colour))
                where.append((o["x"], o["foot"] - o["size"] / 2))
        pictures.append(small(decoded(row["image"])))
        place.append(config.places.index(row["place"] or PLAIN))
        sky.append(config.skies.index(row["sky"] or PLAIN))
    if not parts["train"] or not what:
        raise BadInput(
            "The data set does not record what its pictures show, which a judge learns: make one with "
            "`imagemill dataset emoji`."
        )
    return Shown(
        torch.stack(pictures),
        torch.tensor(what),
        torch.tensor(where),
        torch.tensor(place),
        torch.tensor(sky),
        torch.tensor(parts["train"]),
        torch.tensor(parts["test"] or parts["train"][:1]),
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
        rows = torch.tensor(rows_of(self.shown.train, self.amount, step, self.seed, 0))
        pictures, moved = _varied(self.shown.pictures[rows].float() / 255)
        return self._losses(rows, self.model(pictures), moved)

    def _losses(self, rows: Tensor, verdict: Verdict, moved: Tensor) -> dict[str, Tensor]:
        s = self.shown
        at = {int(row): n for n, row in enumerate(rows)}
        chosen = torch.isin(s.what[:, 0], rows)
        picture = torch.tensor([at[int(row)] for row in s.what[chosen, 0]], dtype=torch.long)
        middle = (s.where[chosen] + moved[picture]) * GRID
        inside = ((middle >= 0) & (middle < GRID)).all(1)
        picture, middle = picture[inside], middle[inside]
        concept, colour = s.what[chosen, 1][inside], s.what[chosen, 2][inside]
        x, y = middle.long().unbind(1)
        losses = {
            "there": _focal(verdict.there.float(), picture, middle),
            "place": F.cross_entropy(verdict.place, s.place[rows]),
            "sky": F.cross_entropy(verdict.sky, s.sky[rows]),
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
                for (_, concept, colour), (x, y) in zip(*_of(s, row), strict=True):
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


def _of(shown: Shown, row: int) -> tuple[list[list[int]], list[list[float]]]:
    own = shown.what[:, 0] == row
    inside = own & ((shown.where >= 0) & (shown.where < 1)).all(1)
    return shown.what[inside].tolist(), shown.where[inside].tolist()


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
