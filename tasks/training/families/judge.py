"""Trains the judge of pictures (models/judge/model.py) on a data set that records what its pictures show.

Half of a step's pictures are scenes with sprites pasted in, a quarter show one thing, and a quarter are mosaics of four
of those; half of the single things are pasted onto a plain background (tasks/training/data/judge_pictures.py). Captions
play no part.
"""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from models import checkpoint
from models.device import multiplies_bfloat16
from models.generators.sprite_vae.recolour import COLOURS
from models.judge.model import EDGE, GRID, Judge, JudgeConfig
from tasks.datasets.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.training.data.batch_order import rows_of_step
from tasks.training.data.captioned import CaptionedDataset, read_captioned
from tasks.training.data.judge_augment import augmented, concatenated, mosaic, on_plain_ground, paste_sprites
from tasks.training.data.judge_pictures import JudgePictures, LabelledBatch, read_judge_pictures
from tasks.training.family import Count, Family, OptimizerGroup, Schedule
from tasks.training.options import JudgeOptions
from tasks.training.sample_grid import write_grid

_OWN = (
    0.25  # weight of the class "its own colour": four in five things have it, and a judge in doubt would always say so
)


class JudgeFamily(Family[Judge, JudgeOptions]):
    """The judge and the pictures it learns from."""

    name = "judge"
    loss_weights: ClassVar[dict[str, float]] = {"colour": 0.5, "place": 0.5, "sky": 0.5}

    source: str
    data: CaptionedDataset
    shown: JudgePictures

    def load(self, source: str) -> None:
        self.source, self.data = source, read_captioned(source)
        self.pictures, self.refused = len(self.data.rows), self.data.refused

    def data_digest(self) -> str:
        return self.data.digest()

    def encode(self, cache: Path, count: Count) -> None:
        with count("reading pictures", "rows", len(self.data.rows)) as done:
            self.shown = read_judge_pictures(self.data, _config(self.data), done)

    def build(self) -> None:
        torch.manual_seed(self.options.seed)
        self.model = Judge(_config(self.data)).to(self.options.device)
        self.optimizer_groups = [OptimizerGroup([self.model])]
        self.colours = torch.ones(len(self.model.config.colours) + 1)
        self.colours[-1] = _OWN
        self.colours = self.colours.to(self.options.device)

    def schedule(self) -> Schedule:
        o = self.options
        return Schedule(o.steps, o.rate, o.seed, average=0.99, bf16=multiplies_bfloat16(o.device))

    def losses(self, group: int, step: int) -> dict[str, Tensor]:
        batch, seed = self.options.batch, self.options.seed
        quarter = batch // 4
        scenes = self._seen(rows_of_step(self.shown.scenes, batch - 2 * quarter, step, seed, 0))
        singles = rows_of_step(self.shown.singles, 5 * quarter, step, seed, 1)
        parts = [
            paste_sprites(scenes, self.shown, self.model.config.skies),
            self._singles(singles[:quarter]),
            mosaic(self._singles(singles[quarter:])),
        ]
        shown = concatenated([part for part in parts if len(part.place)])
        pictures, moved = augmented(shown.pictures)
        shown = replace(shown, pictures=pictures, where=shown.where + moved[shown.picture])
        return self._losses(shown.to(self.options.device))

    def _singles(self, rows: list[int]) -> LabelledBatch:
        """Every second as the data set shows it, the others on plain backgrounds."""
        if not len(self.shown.sprites):
            return self._seen(rows)
        config, half = self.model.config, len(rows) // 2
        return concatenated([self._seen(rows[half:]), on_plain_ground(half, self.shown, config.places, config.skies)])

    def _seen(self, rows: list[int]) -> LabelledBatch:
        s = self.shown
        what = torch.cat([torch.empty(0, 2, dtype=torch.long), *(s.what[row] for row in rows)])
        where = torch.cat([torch.empty(0, 2), *(s.where[row] for row in rows)])
        picture = torch.arange(len(rows)).repeat_interleave(torch.tensor([len(s.what[row]) for row in rows]).long())
        return LabelledBatch(s.pictures[rows].float() / 255, picture, what, where, s.place[rows], s.sky[rows])

    def _losses(self, shown: LabelledBatch) -> dict[str, Tensor]:
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
            losses["colour"] = F.cross_entropy(verdict.colours[picture, :, y, x].float(), colour, self.colours)
        return losses

    @torch.no_grad()
    def evaluate(self, model: Judge) -> dict[str, float]:
        """Shares of held-out pictures' things that are found where they stand, of their colours, places and skies."""
        model.eval()
        s, right = self.shown, {"thing": 0, "colour": 0, "place": 0, "sky": 0}
        things = 0
        for rows in s.test.split(64):
            verdict = model(s.pictures[rows].to(self.options.device).float() / 255)
            right["place"] += int((verdict.place.argmax(-1).cpu() == s.place[rows]).sum())
            right["sky"] += int((verdict.sky.argmax(-1).cpu() == s.sky[rows]).sum())
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
        there = model(pictures.to(self.options.device)).there.cpu().sigmoid()[:, None].expand(-1, 3, -1, -1)
        write_grid(path, [pictures, F.interpolate(there, (EDGE, EDGE))])

    def save(self, model: Judge, folder: Path, steps: int, figures: dict[str, float]) -> None:
        config = replace(model.config, steps=steps)
        checkpoint.save(folder, self.name, config, model, self.card(steps, figures))

    def card(self, steps: int, figures: dict[str, float]) -> str:
        """The model card."""
        o, lines = self.options, ["| on held-out pictures | |", "|---|---|"]
        lines += [f"| {name} | {value:.3f} |" for name, value in figures.items()]
        command = f"{Path(self.source).name} --steps {o.steps} --batch {o.batch} --rate {o.rate} --seed {o.seed}"
        return (
            f"# Judge after {steps} steps\n\n"
            "Looks at a picture and says what is in it, where, in which colour, which place and which sky; see "
            "`models/judge/model.py`. It serves `imagemill evaluate` alone and is part of no generator.\n\n"
            f"Made by `imagemill train judge {command}` from the pictures of {len(self.data.rows)} captions, many of "
            "which share one (licences as recorded there: MIT for the emoji data set). It never sees a text.\n"
        ) + ("\n" + "\n".join(lines) + "\n" if figures else "")


def _config(data: CaptionedDataset) -> JudgeConfig:
    """Of a judge for the data set's concepts."""
    concepts = tuple(c["id"] for c in data.concepts if c["kind"] != "element")
    return JudgeConfig(concepts, tuple(COLOURS), (*PLACES, PLAIN), (*SKIES, PLAIN))


def _focal(logits: Tensor, picture: Tensor, middle: Tensor) -> Tensor:
    """CenterNet's focal loss: a cell counts the less as a mistake the nearer it is to a thing's middle.

    Args:
        logits: (n, GRID, GRID).
        picture: (objects,), which of the n pictures each object is in.
        middle: (objects, 2), (x, y) in cells.
    """
    cells = torch.arange(GRID, device=logits.device) + 0.5
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
