"""Trains autoencoder, GAN and flow in minutes on a machine with a GPU, from what `benchmarks.families_pack` packed.

    python benchmarks/families_encode.py .pack/words /dev/shm/f         # captions to features, by Gemma on the GPU
    python -m benchmarks.families_paint .pack/scenes /dev/shm/f         # scenes and things to pictures, by all cores
    python -m benchmarks.families_gpu train autoencoder /dev/shm/f out --seconds 120 --batch 512 --width 128 --layers 4
    python -m benchmarks.families_gpu train flow /dev/shm/f out --seconds 240 ...
    python -m benchmarks.families_gpu evaluate /dev/shm/f out flow --names 1000 --scenes 1000

The same networks, losses and figures as `imagemill train` and `imagemill evaluate`, without what such a machine lacks.
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from cyclopts import App

from benchmarks.families_data import EDGE, opened
from models.generators.latent import base
from models.generators.latent.autoencoder import Autoencoder
from models.generators.registry import load_generator
from models.judge.model import load_judge
from tasks.evaluation.figures import generator_figures
from tasks.evaluation.pictures import pictures_of, write_grids
from tasks.evaluation.questions import Questions
from tasks.training.data.augment import Augmentation
from tasks.training.families.autoencoder import AutoencoderFamily
from tasks.training.families.gan import GanFamily
from tasks.training.families.latent_base import LatentFamily
from tasks.training.families.rectified_flow import FlowFamily
from tasks.training.options import AutoencoderOptions, FlowOptions, GanOptions
from tasks.training.trainer import Trainer

app = App()
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FAMILIES: dict[str, tuple[type[LatentFamily[Any, Any]], type[Any]]] = {
    "autoencoder": (AutoencoderFamily, AutoencoderOptions),
    "gan": (GanFamily, GanOptions),
    "flow": (FlowFamily, FlowOptions),
}
_BEGAN = time.perf_counter()


def say(text: str) -> None:
    print(f"{time.perf_counter() - _BEGAN:6.1f} s  {text}", file=sys.stderr, flush=True)


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
    if not steps:
        trainer.schedule = replace(trainer.schedule, steps=_steps_within(seconds, trainer, batch))
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


def _steps_within(seconds: float, trainer: Trainer, batch: int) -> int:
    """How many steps there is time for, by the rate of the first ones."""
    ends, began = [], time.perf_counter()
    while len(ends) < 4 or time.perf_counter() - began < min(seconds / 5, 8):
        trainer.step()
        ends.append(time.perf_counter())
    half = len(ends) // 2
    rate = (len(ends) - 1 - half) / (ends[-1] - ends[half])
    say(f"{rate:.1f} steps, {rate * batch:.0f} pictures a second")
    return trainer.done + max(1, int((began + seconds - ends[-1]) * rate))


@app.command
def evaluate(folder: Path, out: Path, label: str, *, names: int = 1000, scenes: int = 1000) -> None:
    """The figures of `imagemill evaluate`."""
    data, _, words = opened(folder)
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
