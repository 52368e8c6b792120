"""Training the structured VAE: what each step reads, reconstructs and decodes."""

import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from models import checkpoint
from models.generators.sprite_vae.losses import WEIGHTS, Batch, picture_loss, prior_loss, reading_loss, sprite_loss
from models.generators.sprite_vae.model import POSE, StructuredVae
from models.text_features import pad
from tasks.datasets.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.datasets.emoji.scenes import SLOTS
from tasks.loading.models import resolve
from tasks.runfolder.errors import BadInput
from tasks.training.data.batch_order import rows_of_step
from tasks.training.data.feature_cache import FeatureCache
from tasks.training.families.captioned_base import CaptionFamily
from tasks.training.families.vae_metrics import evaluate
from tasks.training.families.vae_model import build_model, load_start
from tasks.training.family import Count, OptimizerGroup
from tasks.training.init_from import start_config
from tasks.training.options import VaeOptions
from tasks.training.sample_grid import write_grid

_LONGEST = 64  # tokens of a caption that are trained on


# The parts that only pictures teach; with the memory apart, all others learn from captions.
_PICTURE_PARTS = ("memory", "encoder", "decoder", "finish", "light", "z_prior")
# Without pictures only what reads learns; the backdrop's prior learns to tell of the same text the same as before.
_READING_PARTS = ("reader", "object_pose", "z_prior")


class VaeFamily(CaptionFamily[StructuredVae, VaeOptions]):
    """Losses of captions, pictures and sprites, for one optimiser.

    Parts that a step shows nothing stay as they are: `--captions`, `--pictures` and `--sprites` may each be 0.
    """

    name = "vae"
    loss_weights: ClassVar[dict[str, float]] = WEIGHTS

    features_of_captions: FeatureCache

    def load(self, source: str) -> None:
        super().load(source)
        self.start = None if self.options.start is None else Path(resolve(self.options.start))
        if self.start is not None:
            start_config(self.start, self.name, self.encoder)

    def encode(self, cache: Path, count: Count) -> None:
        self.features_of_captions = self.features(cache, self.captions(), count)

    def build(self) -> None:
        o = self.options
        self.model = build_model(self.data, self.features_of_captions, self.encoder, o.encoder, o.seed)
        if self.start is not None:
            load_start(self.model, self.start, self.encoder)
        self._freeze()
        self.before = None if o.pictures else deepcopy(self.model).eval().requires_grad_(False)
        self.optimizer_groups = [OptimizerGroup(list(self.model.children()))]
        self.number = {c["id"]: i for i, c in enumerate(self.data.concepts)}
        self._choose_rows()

    def _freeze(self) -> None:
        """Lets those parts alone learn that a step shows something."""
        o = self.options
        for name, part in self.model.named_children():
            still = (name == "memory" and not o.sprites) or (name not in _PICTURE_PARTS and not o.captions)
            still = still or (not o.pictures and name not in _READING_PARTS)
            part.requires_grad_(not still)

    def _choose_rows(self) -> None:
        """Sets the rows whose captions are read, `train`, and those whose pictures are reconstructed, `pictured`."""
        rows = self.data.rows
        train = [i for i, r in enumerate(rows) if r["split"] == "train"]
        if not train:
            raise BadInput("The data set has no rows of the split `train`: mark the rows to learn from so.")
        self.train = torch.tensor(train)
        scenes = [i for i in train if rows[i]["kind"] == "scene"]
        singles = [i for i in train if rows[i]["kind"] != "scene"]
        repeat = max(1, len(singles) // max(1, 4 * len(scenes)))
        # Pictures of single things are simple: one in five is enough.
        self.pictured = torch.tensor(
            scenes * repeat + singles[:: max(1, len(singles) * 4 // max(1, len(scenes)))] or train
        )

    def batch(self, rows: list[int]) -> Batch:
        """The rows' features and what the data set recorded of them."""
        places, skies = (*PLACES, PLAIN), (*SKIES, PLAIN)
        padded = pad([self.features_of_captions[i][:_LONGEST] for i in rows], 4)
        concepts = torch.full((len(rows), SLOTS), -1)
        poses = torch.zeros(len(rows), SLOTS, POSE)
        colours = torch.full((len(rows), SLOTS), -1)
        for n, i in enumerate(rows):
            for o in self.data.rows[i]["objects"] or ():
                concepts[n, o["slot"]] = self.number[o["concept"]]
                poses[n, o["slot"]] = torch.tensor([o["x"], o["foot"], math.log(o["size"])])
                if o.get("colour"):
                    colours[n, o["slot"]] = self.model.config.colours.index(o["colour"])
        place = torch.tensor([places.index(self.data.rows[i]["place"] or PLAIN) for i in rows])
        sky = torch.tensor([skies.index(self.data.rows[i]["sky"] or PLAIN) for i in rows])
        return Batch(padded.tokens, padded.mask, place, sky, concepts, poses, colours)

    def losses(self, group: int, step: int) -> dict[str, Tensor]:
        o, losses = self.options, dict[str, Tensor]()
        if o.captions:
            losses |= self._reading_losses(rows_of_step(self.train, o.captions, step, o.seed, 0))
        if o.pictures:
            shown = rows_of_step(self.pictured, o.pictures, step, o.seed, 1)
            pictures = torch.stack([self.data.picture(i) for i in shown])
            seen, _ = picture_loss(self.model, self.batch(shown), pictures, self.data.sprites)
            losses |= seen
        if o.sprites:
            drawn = rows_of_step(torch.arange(self.model.config.coded), o.sprites, step, o.seed, 2)
            losses["sprite"] = sprite_loss(self.model, drawn, self.data.sprites[drawn])
        return losses

    def _reading_losses(self, rows: list[int]) -> dict[str, Tensor]:
        """Short captions and long ones apart, so that the short are not padded to the longest."""
        rows = sorted(rows, key=self.features_of_captions.length)
        batches = [self.batch(half) for half in _halves(rows)]
        halves = [reading_loss(self.model, batch) for batch in batches]
        losses = {name: torch.stack([half[name] for half in halves]).mean() for name in halves[0]}
        if self.before is not None:
            losses["prior"] = torch.stack([prior_loss(self.model, self.before, batch) for batch in batches]).mean()
        return losses

    def evaluate(self, model: StructuredVae) -> dict[str, float]:
        return evaluate(self, model)

    @torch.no_grad()
    def sample(self, model: StructuredVae, path: Path) -> None:
        """Writes a grid: pictures above, their reconstructions below."""
        scenes = [i for i, r in enumerate(self.data.rows) if r["split"] == "test" and r["kind"] == "scene"]
        rows = scenes[:8] or [0]
        model.eval()
        torch.manual_seed(0)
        pictures = torch.stack([self.data.picture(i) for i in rows])
        _, made = picture_loss(model, self.batch(rows), pictures, self.data.sprites)
        write_grid(path, [pictures, made])

    def save(self, model: StructuredVae, folder: Path, steps: int, figures: dict[str, float]) -> None:
        config = replace(model.config, steps=steps)
        checkpoint.save(folder, self.name, config, model, self.card(steps, figures))

    def resumed(self) -> None:
        self.model.memory.index()


def _halves(rows: list[int]) -> list[list[int]]:
    middle = len(rows) * 5 // 8
    return [part for part in (rows[:middle], rows[middle:]) if part]
