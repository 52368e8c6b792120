"""What the structured VAE is shown in a step, and how it is built for a data set."""

import math
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from models import checkpoint
from models.generators.sprite_vae.losses import WEIGHTS, Batch, picture_loss, prior_loss, reading_loss, sprite_loss
from models.generators.sprite_vae.model import POSE, StructuredVae, VaeConfig
from models.generators.sprite_vae.recolour import COLOURS
from models.generators.sprite_vae.sprite_memory import filled_patches
from models.text_features import pad
from tasks.datasets.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.datasets.emoji.scenes import LEFT, LIGHT, OBJECTS, SLOTS, WEATHER
from tasks.runfolder.errors import BadInput
from tasks.training.data.captioned import Captioned
from tasks.training.data.feature_cache import Encoder, FeatureCache
from tasks.training.families.vae_metrics import evaluate
from tasks.training.init_from import start_config
from tasks.training.sample_grid import write_grid
from tasks.training.trainer import Family, Turn, rows_of

_LONGEST = 64  # tokens of a caption that are trained on


# The parts that only pictures teach; with the memory apart, all others learn from captions.
_PICTURE_PARTS = ("memory", "encoder", "decoder", "finish", "light", "z_prior")
# Without pictures only what reads learns; the backdrop's prior learns to tell of the same text the same as before.
_READING_PARTS = ("reader", "object_pose", "z_prior")


@dataclass(frozen=True)
class Shown:
    """What a step is shown. Parts that it shows nothing stay as they are."""

    captions: int  # a step reads so many captions, or none,
    pictures: int  # reconstructs so many pictures, or none
    sprites: int  # and decodes so many sprites, or none


def build_model(data: Captioned, features: FeatureCache, encoder: Encoder, reference: str, seed: int) -> StructuredVae:
    """A model that fits the data set: memory filled, features' statistics set, networks at random.

    Raises BadInput when the data set holds no concepts.
    """
    if not data.concepts:
        raise BadInput(
            "The data set has no concepts.parquet, so it is no finished data set for a vae, whose sprites it holds: "
            "make one with `imagemill dataset emoji`, or train another family."
        )
    torch.manual_seed(seed)
    drawn_by_layout = {o["concept"] for r in data.rows for o in r["objects"] or () if o["slot"] not in OBJECTS}
    coded = sum(c["kind"] != "element" for c in data.concepts)  # elements come last
    config = VaeConfig(
        encoder=reference,
        encoder_digest=encoder.digest,
        features=encoder.width,
        concepts=tuple((c["id"], c["en"], c["zh"]) for c in data.concepts),
        coded=coded,
        props=tuple(i for i, c in enumerate(data.concepts) if c["id"] in drawn_by_layout),
        places=(*PLACES, PLAIN),
        skies=(*SKIES, PLAIN),
        slots=SLOTS,
        objects=OBJECTS.start,
        lamp=LIGHT,
        front=tuple(s for s in range(LEFT, SLOTS) if s != WEATHER),
        patches=filled_patches(data.sprites[:coded]),
        colours=tuple(COLOURS),
    )
    model = StructuredVae(config)
    model.memory.fit(data.sprites)
    mean, spread = features.statistics()
    model.reader.mean.copy_(mean)
    model.reader.spread.copy_(spread)
    model.reader.meanings.data.copy_(_meanings(model, data, features))
    return model


@torch.no_grad()
def _meanings(model: StructuredVae, data: Captioned, features: FeatureCache) -> Tensor:
    """What each concept's captions for training mean to the language model, (concepts, features), mean 0, spread 1."""
    number = {c["id"]: i for i, c in enumerate(data.concepts[: model.config.coded])}
    total, count = torch.zeros(len(number), model.config.features), torch.zeros(len(number), 1)
    for i, row in enumerate(data.rows):
        if row["split"] == "train" and row["kind"] != "scene":
            read = pad([features[i]])
            for concept in number.keys() & set(row["concepts"] or ()):
                total[number[concept]] += model.reader.pooled(read.tokens, read.mask)[0]
                count[number[concept]] += 1
    meanings = total / count.clamp(min=1)
    meanings -= meanings.mean(0)
    return meanings / meanings.std().clamp(min=1e-6)


def begin(model: StructuredVae, start: Path, encoder: Encoder) -> None:
    """Gives the model the weights of a checkpoint that was trained on the same concepts and the same features."""
    content = start_config(start, "vae", encoder)
    try:
        ids = [concept[0] for concept in content.get("concepts", ())]
        if ids != [concept[0] for concept in model.config.concepts]:
            raise BadInput(f"{start} knows other concepts than the data set: start from one trained on the same.")
        checkpoint.load_weights(start, model)
    except ValueError as error:
        raise BadInput(str(error)) from None


class VaeFamily(Family[StructuredVae]):
    """The model and the data; losses of captions, pictures and sprites in one turn."""

    name = "vae"
    weights: ClassVar[dict[str, float]] = WEIGHTS

    def __init__(self, model: StructuredVae, data: Captioned, features: FeatureCache, shown: Shown, seed: int) -> None:
        self.model = model
        self.data, self.features, self.shows, self.seed = data, features, shown, seed
        for name, part in model.named_children():
            still = (name == "memory" and not shown.sprites) or (name not in _PICTURE_PARTS and not shown.captions)
            still = still or (not shown.pictures and name not in _READING_PARTS)
            part.requires_grad_(not still)
        self.before = None if shown.pictures else deepcopy(model).eval().requires_grad_(False)
        self.turns = [Turn(list(model.children()))]
        self.number = {c["id"]: i for i, c in enumerate(data.concepts)}
        train = [i for i, r in enumerate(data.rows) if r["split"] == "train"]
        if not train:
            raise BadInput("The data set has no rows of the split `train`: mark the rows to learn from so.")
        self.train = torch.tensor(train)
        scenes = [i for i in train if data.rows[i]["kind"] == "scene"]
        singles = [i for i in train if data.rows[i]["kind"] != "scene"]
        repeat = max(1, len(singles) // max(1, 4 * len(scenes)))
        # Pictures of single things are simple: one in five is enough.
        self.shown = torch.tensor(
            scenes * repeat + singles[:: max(1, len(singles) * 4 // max(1, len(scenes)))] or train
        )

    def batch(self, rows: list[int]) -> Batch:
        """The rows' features and what the data set recorded of them."""
        places, skies = (*PLACES, PLAIN), (*SKIES, PLAIN)
        padded = pad([self.features[i][:_LONGEST] for i in rows], 4)
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

    def losses(self, turn: int, step: int) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        if self.shows.captions:  # short captions and long ones apart, so that the short are not padded to the longest
            rows = sorted(rows_of(self.train, self.shows.captions, step, self.seed, 0), key=self.features.length)
            batches = [self.batch(half) for half in _halves(rows)]
            halves = [reading_loss(self.model, batch) for batch in batches]
            losses |= {name: torch.stack([half[name] for half in halves]).mean() for name in halves[0]}
            if self.before is not None:
                losses["prior"] = torch.stack([prior_loss(self.model, self.before, batch) for batch in batches]).mean()
        if self.shows.pictures:
            shown = rows_of(self.shown, self.shows.pictures, step, self.seed, 1)
            pictures = torch.stack([self.data.picture(i) for i in shown])
            seen, _ = picture_loss(self.model, self.batch(shown), pictures, self.data.sprites)
            losses |= seen
        if self.shows.sprites:
            drawn = rows_of(torch.arange(self.model.config.coded), self.shows.sprites, step, self.seed, 2)
            losses["sprite"] = sprite_loss(self.model, drawn, self.data.sprites[drawn])
        return losses

    def figures(self, model: StructuredVae) -> dict[str, float]:
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

    def save(self, model: StructuredVae, folder: Path, steps: int, card: str) -> None:
        checkpoint.save(folder, self.name, replace(model.config, steps=steps), model, card)

    def resumed(self) -> None:
        self.model.memory.index()


def _halves(rows: list[int]) -> list[list[int]]:
    middle = len(rows) * 5 // 8
    return [part for part in (rows[:middle], rows[middle:]) if part]
