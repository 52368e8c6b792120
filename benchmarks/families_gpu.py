"""Trains autoencoder, GAN and flow in minutes on a machine with a GPU, from what `benchmarks.families_pack` packed.

    python benchmarks/families_encode.py .pack/words /dev/shm/f         # captions to features, by Gemma on the GPU
    python -m benchmarks.families_gpu paint .pack/scenes /dev/shm/f     # scenes and things to pictures, by all cores
    python -m benchmarks.families_gpu train autoencoder /dev/shm/f out --seconds 120 --batch 512 --width 128 --layers 4
    python -m benchmarks.families_gpu train flow /dev/shm/f out --seconds 240 ...
    python -m benchmarks.families_gpu evaluate flow /dev/shm/f out --names 1000 --scenes 1000

The same networks, losses and figures as `imagemill train` and `imagemill evaluate`, without what such a machine lacks.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from cyclopts import App
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.generators.latent import base
from models.generators.latent.autoencoder import Autoencoder
from models.generators.latent.base import LONGEST
from models.generators.latent.codec import Codec
from models.generators.latent.things import Memory
from models.generators.registry import load_generator
from models.judge.model import load_judge
from models.text import gemma
from tasks.evaluation.figures import generator_figures
from tasks.evaluation.pictures import pictures_of, write_grids
from tasks.evaluation.questions import Questions
from tasks.training.data.augment import Augmentation
from tasks.training.data.captioned import CaptionedDataset
from tasks.training.data.feature_cache import FeatureCache
from tasks.training.data.picture_cache import PictureDataset, mirrored
from tasks.training.data.retrieved import RetrievedThings, read_as
from tasks.training.families.autoencoder import AutoencoderFamily
from tasks.training.families.gan import GanFamily
from tasks.training.families.latent_base import LatentFamily
from tasks.training.families.rectified_flow import FlowFamily
from tasks.training.options import AutoencoderOptions, FlowOptions, GanOptions
from tasks.training.trainer import Trainer

app = App()
EDGE, DEVICE = 128, "cuda" if torch.cuda.is_available() else "cpu"
FAMILIES: dict[str, tuple[type[LatentFamily[Any, Any]], type[Any]]] = {
    "autoencoder": (AutoencoderFamily, AutoencoderOptions),
    "gan": (GanFamily, GanOptions),
    "flow": (FlowFamily, FlowOptions),
}
_BEGAN = time.perf_counter()


def say(text: str) -> None:
    print(f"{time.perf_counter() - _BEGAN:6.1f} s  {text}", file=sys.stderr, flush=True)


class Words:
    """What training needs of a text encoder, where features are made already."""

    name, digest, width = "gemma", gemma.DIGEST, gemma.CONFIG["hidden_size"]

    def __init__(self, captions: list[str], features: FeatureCache) -> None:
        self._numbers = {caption: number for number, caption in enumerate(captions)}
        self._features = features

    def encode(self, texts: Iterable[str]) -> list[Tensor]:
        return [self._features[self._numbers[text]].cpu() for text in texts]


def _paint(chunk: list[dict[str, Any]], sprites: Path) -> np.ndarray:
    """Pictures (rows, 3, 128, 128) uint8."""
    painter = _painter(sprites)
    made = []
    for row in chunk:
        placed = [_placed(one) for one in json.loads(row["objects"])]
        pixels = painter.paint(row["place"], row["sky"], placed, np.random.default_rng((0, 3, row["seed"])))
        made.append(pixels.transpose(2, 0, 1))
    return np.stack(made)


def _placed(one: dict[str, Any]) -> Any:
    from tasks.datasets.emoji.scenes import Placed

    return Placed(**one)


_kept: dict[str, Any] = {}


def _painter(folder: Path) -> Any:
    if "painter" not in _kept:
        import io

        from PIL import Image

        from tasks.datasets.emoji.concepts import sprite_array
        from tasks.datasets.emoji.scenes import Painter

        torch.set_num_threads(1)
        painter = Painter([])
        for row in pq.read_table(folder / "concepts.parquet", columns=["id", "image"]).to_pylist():
            sprite = Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGBA")
            painter.sprites[row["id"]] = torch.from_numpy(sprite_array(sprite))
        _kept["painter"] = painter
    return _kept["painter"]


def _sheets(pairs: list[list[int]]) -> np.ndarray:
    """Sheets (pairs, 4, 128, 192) uint8 of things that a memory knows."""
    if "memory" not in _kept:
        torch.set_num_threads(1)
        _kept["memory"] = Memory()
    sheets = [_kept["memory"].sheet(concept, colour, EDGE) for concept, colour in pairs]
    return (torch.stack(sheets) * 255).round().to(torch.uint8).numpy()


@app.command
def paint(scenes: Path, out: Path) -> None:
    """Scenes to pictures, and the things that captions name to sheets."""
    rows = pq.read_table(scenes / "rows.parquet").to_pylist()
    distinct = {row["seed"]: row for row in reversed(rows)}
    seeds = list(distinct)
    chunks = [[distinct[seed] for seed in seeds[i : i + 128]] for i in range(0, len(seeds), 128)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        painted = pool.map_async(partial(_paint, sprites=scenes), chunks, 1)
        features = FeatureCache([out / "features.safetensors"])
        features.to(DEVICE)
        memory = Memory()
        memory.model.reader.to(DEVICE)
        named = [
            memory.named(features.batch(torch.arange(i, min(i + 1024, len(features))), LONGEST)).cpu()
            for i in range(0, len(features), 1024)
        ]
        say("things are found")
        pairs, places = torch.cat(named).flatten(0, 1).unique(dim=0, return_inverse=True)
        known = pairs[pairs[:, 0] >= 0].tolist()
        drawn = pool.map(_sheets, [known[i : i + 32] for i in range(0, len(known), 32)], 1)
        say(f"{len(known)} things are drawn")
        pictures = torch.from_numpy(np.concatenate(painted.get()))
    nothing = torch.zeros(len(pairs) - len(known), 4, EDGE, EDGE * 3 // 2, dtype=torch.uint8)
    sheets = torch.cat([nothing, torch.from_numpy(np.concatenate(drawn))])
    where = {seed: number for number, seed in enumerate(seeds)}
    shown = torch.tensor([where[row["seed"]] for row in rows])
    captions = {caption: i for i, caption in enumerate(dict.fromkeys(row["caption"] for row in rows))}
    ids = [concept[0] for concept in memory.model.config.concepts]
    read = torch.cat(named)[:, :, 0].tolist()
    right = torch.tensor([read_as(read[captions[row["caption"]]], ids) == sorted(row["concepts"]) for row in rows])
    say(f"{right.float().mean():.3f} of the captions are read right")
    tensors = {
        "pictures": pictures,
        "shown": shown,
        "sheets": sheets,
        "places": places.unflatten(0, (-1, 4)),
        "right": right,
    }
    save_file(tensors, out / "scenes.safetensors")
    (out / "rows.parquet").write_bytes((scenes / "rows.parquet").read_bytes())
    say(f"{len(pictures)} pictures of {len(rows)} rows")


class DrawnThings(RetrievedThings):
    """Things that are found and drawn already."""

    def __init__(self, places: Tensor, drawn: Tensor, texts: Tensor) -> None:
        self._drawn, self._places = drawn, places[texts]

    def encode(self, codec: Codec, size: int, device: str) -> None:
        codec.to(device)
        parts = []
        for part in self._drawn.split(512):
            sheets = part.to(device).float() / 255
            cover = torch.nn.functional.avg_pool2d(sheets[:, 3:], 8)
            parts.append(torch.cat([codec.encode(sheets[:, :3]) * (cover > 0), cover], 1).half())
        self._sheets, self._places = torch.cat(parts).detach(), self._places.to(device)


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """The rows as `read_captioned` gives them, without pictures."""
    rows = pq.read_table(folder / "rows.parquet").to_pylist()
    return [row | {"objects": json.loads(row["objects"]), "licence": "MIT"} for row in rows]


def opened(folder: Path) -> tuple[CaptionedDataset, PictureDataset, Words]:
    """The data set as training sees it."""
    rows = rows_in(folder)
    tensors = load_file(folder / "scenes.safetensors")
    captions = list(dict.fromkeys(row["caption"] for row in rows))
    number = {caption: i for i, caption in enumerate(captions)}
    texts = torch.tensor([number[row["caption"]] for row in rows])
    distinct = FeatureCache([folder / "features.safetensors"])
    features = Shared(distinct, texts)
    things = DrawnThings(tensors["places"], tensors["sheets"], texts)
    data = CaptionedDataset(rows, [], torch.zeros(0, 4, EDGE, EDGE))
    right = tensors["right"].tolist()  # others teach networks to mistrust what they look at
    train = torch.tensor([i for i, row in enumerate(rows) if row["split"] == "train" and right[i]])
    test = torch.tensor([i for i, row in enumerate(rows) if row["split"] == "test"])
    pictures = PictureDataset(
        tensors["pictures"], tensors["shown"], features, things, train, test, mirrored(data), Augmentation()
    )
    return data, pictures, Words(captions, distinct)


class Shared(FeatureCache):
    """Features of rows whose captions repeat."""

    def __init__(self, distinct: FeatureCache, texts: Tensor) -> None:
        self._distinct, self._texts = distinct, texts
        self.tokens, self.starts = distinct.tokens, distinct.starts

    def __len__(self) -> int:
        return len(self._texts)

    def batch(self, numbers: Tensor, longest: int) -> Any:
        return self._distinct.batch(self._texts[numbers], longest)

    def to(self, device: str) -> None:
        self._distinct.to(device)


@app.command
def train(
    family: str,
    folder: Path,
    out: Path,
    *,
    seconds: float,
    batch: int = 512,
    width: int = 128,
    layers: int = 4,
    rate: float = 1e-3,
    steps: int = 0,
    retrieve: bool = True,
    pictures: int = 64,
    name: str = "",
) -> None:
    """Trains a family for so many seconds, or steps."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    data, dataset, words = opened(folder)
    say("data is read")
    kind, options = FAMILIES[family]
    more = {"pictures": pictures} if family == "autoencoder" else {"autoencoder": str(out / "autoencoder")}
    given = options(
        steps=steps or 1_000_000, batch=batch, width=width, layers=layers, rate=rate, device=DEVICE, mirror=0, crop=0,
        colour=0, average=0.998, **more,
    )  # fmt: skip
    made = kind(given, words)
    made.data, made.source, made.pictures, made.size = data, "data/emoji", len(data.rows), EDGE
    dataset.augmentation = Augmentation(0, 0, 0, given.drop)
    made.dataset, made.retrieves = dataset, retrieve
    if not retrieve:
        dataset.things = None
    if family != "autoencoder":
        made.autoencoder = base.load(out / "autoencoder", "autoencoder", Autoencoder)
    made.build()
    trainer = Trainer(made)
    say(f"{sum(p.numel() for p in made.model.parameters()) / 1e6:.2f} million weights")
    trial = min(seconds / 5, 8)
    if not steps:  # the rate of the first seconds says how many steps there are time for
        rates = []
        began = time.perf_counter()
        while time.perf_counter() - began < trial:
            trainer.step()
            rates.append(time.perf_counter())
        half = len(rates) // 2
        per_step = (rates[-1] - rates[half]) / max(1, len(rates) - 1 - half) or seconds
        total = trainer.done + int((seconds - (time.perf_counter() - began)) / per_step)
        trainer.schedule = replace(trainer.schedule, steps=total)
        say(f"{1 / per_step:.1f} steps a second, {batch / per_step:.0f} pictures a second: {total} steps")
    losses: list[dict[str, float]] = []
    began, first = time.perf_counter(), trainer.done
    while trainer.done < trainer.schedule.steps:
        losses.append(trainer.step())
        if trainer.done % 250 == 0:
            means = {name: round(sum(one[name] for one in losses) / len(losses), 4) for name in losses[0]}
            say(f"{family} {trainer.done}: {means}, {(trainer.done - first) / (time.perf_counter() - began):.1f}/s")
            losses.clear()
    figures = made.evaluate(trainer.model)
    say(f"{family}: {figures}")
    target = out / (name or family)
    made.save(trainer.model, target, trainer.done, figures)
    made.sample(trainer.model, target / "sample.png")
    say(f"{target} is saved")


@app.command
def evaluate(
    folder: Path, out: Path, label: str, *, names: int = 1000, scenes: int = 1000, limit: int = 12_000
) -> None:
    """The figures of `imagemill evaluate`, but for the distance, which takes real pictures in the data set's files."""
    rows = rows_in(folder)
    captions = list(dict.fromkeys(row["caption"] for row in rows))
    words = Words(captions, FeatureCache([folder / "features.safetensors"]))
    tensors = load_file(folder / "scenes.safetensors")

    class Painted(CaptionedDataset):
        def picture(self, row: int) -> Tensor:
            return tensors["pictures"][tensors["shown"][row]].float() / 255

    data = Painted(rows, [], torch.zeros(0, 4, EDGE, EDGE))
    questions = Questions.drawn(data, names, scenes, 0)
    judge = load_judge()
    generator = load_generator(
        label if label == "default" else str(out / label), DEVICE if label != "default" else "cpu"
    )
    made = pictures_of(generator, words.encode, questions, 4, 0, lambda _: None)
    figures = generator_figures(judge, questions, made)
    target = out / "evaluation" / label
    target.mkdir(parents=True, exist_ok=True)
    write_grids(target, made)
    (target / "figures.json").write_text(json.dumps(figures, indent=1))
    say(f"{label}: {json.dumps(figures)}")


if __name__ == "__main__":
    app()
