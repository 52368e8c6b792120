"""One training step of the structured VAE, and all that a step depends on: the step's number and the seed.

Order of the data, noise and dropout are functions of (seed, step), so a run that was killed and goes on from its last
checkpoint ends with the same weights as one that was not.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn

from models.checkpoint import save_tensors
from models.features import pad
from models.memory import filled_patches
from models.vae import POSE, StructuredVae, VaeConfig
from models.vae_loss import WEIGHTS, Batch, picture_loss, reading_loss, sprite_loss
from tasks.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.emoji.scenes import LEFT, LIGHT, OBJECTS, SLOTS, WEATHER
from tasks.errors import BadInput
from tasks.training.captioned import Captioned, Encoder, FeatureCache

_LONGEST = 64  # tokens of a caption that are trained on


# The parts that only pictures teach; with the memory apart, all others learn from captions.
_PICTURE_PARTS = ("memory", "encoder", "decoder", "finish", "light", "z_prior")


@dataclass(frozen=True)
class Schedule:
    """How training goes on. Parts that a step shows nothing stay as they are."""

    steps: int
    captions: int  # a step reads so many captions, or none,
    pictures: int  # reconstructs so many pictures
    sprites: int  # and decodes so many sprites, or none
    rate: float
    seed: int


def build_model(data: Captioned, features: FeatureCache, encoder: Encoder, reference: str, seed: int) -> StructuredVae:
    """A model that fits the data set: memory filled, features' statistics set, networks at random."""
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
    )
    model = StructuredVae(config)
    model.memory.fit(data.sprites)
    mean, spread = features.statistics()
    model.reader.mean.copy_(mean)
    model.reader.spread.copy_(spread)
    return model


class Trainer:
    """Holds the model, its optimiser and the data; `step` takes one step."""

    def __init__(self, model: StructuredVae, data: Captioned, features: FeatureCache, schedule: Schedule) -> None:
        self.model, self.data, self.features, self.schedule = model, data, features, schedule
        for name, part in model.named_children():
            still = (name == "memory" and not schedule.sprites) or (
                name not in _PICTURE_PARTS and not schedule.captions
            )
            part.requires_grad_(not still)
        learning = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(learning, schedule.rate, betas=(0.9, 0.98), weight_decay=0.02)
        self.done = 0
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

    def _rows(self, pool: Tensor, amount: int, stream: int) -> list[int]:
        """Which rows of a pool the step takes: a permutation an epoch, read on without a gap."""
        rows = []
        for at in range(self.done * amount, (self.done + 1) * amount):
            epoch, place = divmod(at, len(pool))
            rows.append(int(pool[_permutation(len(pool), self.schedule.seed, stream, epoch)[place]]))
        return rows

    def batch(self, rows: list[int]) -> Batch:
        """The rows' features and what the data set recorded of them."""
        places, skies = (*PLACES, PLAIN), (*SKIES, PLAIN)
        padded = pad([self.features[i][:_LONGEST] for i in rows], 4)
        concepts = torch.full((len(rows), SLOTS), -1)
        poses = torch.zeros(len(rows), SLOTS, POSE)
        for n, i in enumerate(rows):
            for o in self.data.rows[i]["objects"] or ():
                concepts[n, o["slot"]] = self.number[o["concept"]]
                poses[n, o["slot"]] = torch.tensor([o["x"], o["foot"], math.log(o["size"])])
        place = torch.tensor([places.index(self.data.rows[i]["place"] or PLAIN) for i in rows])
        sky = torch.tensor([skies.index(self.data.rows[i]["sky"] or PLAIN) for i in rows])
        return Batch(padded.tokens, padded.mask, place, sky, concepts, poses)

    def step(self) -> dict[str, float]:
        """Takes one step and returns its losses. Raises BadInput when they are no longer finite."""
        s = self.schedule
        torch.manual_seed((s.seed * 1_000_003 + self.done) & 0x7FFFFFFF)
        self.model.train()
        warm = min(1.0, (self.done + 1) / min(100, s.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = s.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.done / s.steps)))
        losses: dict[str, Tensor] = {}
        if s.captions:  # short captions and long ones apart, so that the short are not padded to the longest
            rows = sorted(self._rows(self.train, s.captions, 0), key=self.features.length)
            halves = [reading_loss(self.model, self.batch(half)) for half in _halves(rows)]
            losses |= {name: torch.stack([half[name] for half in halves]).mean() for name in halves[0]}
        shown = self._rows(self.shown, s.pictures, 1)
        pictures = torch.stack([self.data.picture(i) for i in shown])
        seen, _ = picture_loss(self.model, self.batch(shown), pictures, self.data.sprites)
        losses |= seen
        if s.sprites:
            drawn = self._rows(torch.arange(self.model.config.coded), s.sprites, 2)
            losses["sprite"] = sprite_loss(self.model, drawn, self.data.sprites[drawn])
        total = sum((WEIGHTS[name] * loss for name, loss in losses.items()), torch.zeros(()))
        if not total.isfinite():
            raise BadInput(f"The loss stopped being a number at step {self.done}: use a smaller --rate.")
        self.optimiser.zero_grad()
        total.backward()
        for part in self.model.children():  # each part by itself: the pictures' gradients must not mute the reader's
            nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        self.optimiser.step()
        self.done += 1
        return {name: loss.item() for name, loss in losses.items()}

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on to one file, at once or not at all."""
        tensors = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        for i, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{i}/{name}": torch.as_tensor(value) for name, value in state.items()}
        save_tensors(path, tensors, {"step": str(self.done)})

    def resume(self, path: Path) -> None:
        """Goes on from `save`'s file. Raises BadInput when it belongs to another model."""
        with safe_open(path, "pt") as file:
            self.done = int(file.metadata()["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        try:
            weights = {n.removeprefix("model/"): t for n, t in tensors.items() if n.startswith("model/")}
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            raise BadInput(f"{path} was written by another training: choose a new --out folder. ({error})") from None
        self.model.memory.index()
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimiser/"):
                _, i, key = name.split("/")
                state.setdefault(int(i), {})[key] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})

    @torch.no_grad()
    def sample(self, path: Path, rows: list[int]) -> None:
        """Writes a grid: the rows' pictures above, their reconstructions below."""
        self.model.eval()
        torch.manual_seed(0)
        pictures = torch.stack([self.data.picture(i) for i in rows])
        _, made = picture_loss(self.model, self.batch(rows), pictures, self.data.sprites)
        grid = torch.cat([torch.cat(list(p), -1) for p in (pictures, made.clamp(0, 1))], -2)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((grid.permute(1, 2, 0) * 255).byte().numpy()).save(path)

    def config(self) -> VaeConfig:
        return replace(self.model.config, steps=self.done)


def _halves(rows: list[int]) -> list[list[int]]:
    middle = len(rows) * 5 // 8
    return [part for part in (rows[:middle], rows[middle:]) if part]


_kept: dict[tuple[int, int, int], tuple[int, Tensor]] = {}


def _permutation(size: int, seed: int, stream: int, epoch: int) -> Tensor:
    key = (size, seed, stream)
    if key not in _kept or _kept[key][0] != epoch:
        source = torch.Generator().manual_seed((seed * 7919 + stream) * 100_003 + epoch)
        _kept[key] = epoch, torch.randperm(size, generator=source)
    return _kept[key][1]
