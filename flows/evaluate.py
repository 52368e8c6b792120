"""`imagemill evaluate CKPT ...`: how good generators are, told from their pictures; one table for all of them.

    imagemill evaluate default out/flow out/gan --dataset data/emoji --out out/evaluation

A judge that was trained apart and never sees a text (models/judge/model.py) looks at the pictures. Written to the
folder: `table.md`, `table.json`, and for each generator `names.png` and `scenes.png` to look at, in the order of
`asked.csv`.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import torch
from cyclopts import Parameter
from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import BaseModel, Field
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from flows.jobs.local import Local
from models.generators.registry import DEFAULT
from models.judge.model import WEIGHTS, Judge, load_judge
from models.protocols import Generator
from tasks.evaluation.questions import Named, Scene, ask_names, ask_scenes
from tasks.evaluation.scores import frechet, judged, name_scores, scene_scores, variety
from tasks.evaluation.table import notes, table, write_asked
from tasks.loading.models import load_encoder, load_generator, resolve, usable
from tasks.runfolder.errors import BadInput
from tasks.training.data.captioned import Captioned, read_captioned
from tasks.training.sample_grid import write_grid

Encode = Callable[[Sequence[str]], list[Tensor]]

_AT_ONCE = 32
_COLUMNS, _SHOWN = 8, 40  # of the grids


class EvaluateOptions(BaseModel):
    """How much is asked, and who judges."""

    judge: Annotated[Path, Parameter(show_default=False)] = WEIGHTS
    """Checkpoint of the judge; by default the one in this package, of `imagemill train judge`."""
    names: Annotated[int, Field(ge=1)] = 200
    """Questions of each group: exact names and paraphrases in English and in Chinese."""
    scenes: Annotated[int, Field(ge=4)] = 300
    """Sentences about scenes."""
    seeds: Annotated[int, Field(ge=2)] = 4
    """Pictures of one sentence, for the variety."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Decides which questions are drawn, and the pictures."""


class EvaluateJob(EvaluateOptions):
    """What `imagemill evaluate` does."""

    generators: list[str]
    """Generators: `default`, or checkpoints' folders."""
    dataset: str
    """The data set whose names, paraphrases and held-out scenes are asked for."""
    out: Local
    """Folder for the table and the grids."""


class Evaluation(BaseModel):
    """One column of figures a generator, the first for the data set's own pictures: what the judge itself is worth."""

    out: Path
    figures: dict[str, dict[str, float]]


@flow(name="evaluate", flow_run_name="{job.generators}")
def evaluate(job: EvaluateJob) -> Evaluation:
    """Judges generators; see `run_evaluation`. The table is an artifact of the flow run, too."""
    made = run_evaluation(job)
    create_markdown_artifact((job.out / "table.md").read_text("utf-8"), key="evaluation")
    return made


def run_evaluation(job: EvaluateJob) -> Evaluation:
    """Asks each generator the same questions, has the judge look, and writes table and grids.

    Raises BadInput when a generator, the judge or the data set cannot be used.
    """
    data = read_captioned(job.dataset)
    judge = usable(lambda: load_judge(job.judge))
    names, scenes = ask_names(data, job.names, job.seed), ask_scenes(data, job.scenes, job.seed)
    unknown = {right for name in names for right in name.right} - set(judge.config.concepts)
    if unknown:
        raise BadInput(
            f"The judge {job.judge} does not know {len(unknown)} of the things that are asked for, such as "
            f"{min(unknown)}: give as --judge one that was trained on this data set."
        )
    loaded = [_loaded(reference) for reference in job.generators]
    job.out.mkdir(parents=True, exist_ok=True)
    write_asked(job.out / "asked.csv", names, scenes)
    figures = {"data set": real_figures(judge, data, names, scenes)}
    for reference, (generator, encode) in zip(job.generators, loaded, strict=True):
        label = generator.name if generator.name not in figures else f"{generator.name} {len(figures)}"
        folder = job.out / label
        figures[label] = generator_figures(generator, encode, judge, data, names, scenes, job.seeds, job.seed, folder)
        figures[label]["megabytes"] = _megabytes(DEFAULT if reference == "default" else Path(resolve(reference)))
        _write_table(job, figures, judge)
    return Evaluation(out=job.out, figures=figures)


def _loaded(reference: str) -> tuple[Generator, Encode]:
    generator = load_generator(reference, "cpu")
    if generator.own_encoder is not None:
        raise BadInput(f"{reference} is a checkpoint of diffusers, whose pictures this judge does not know.")
    encoder = load_encoder(generator, "cpu")
    return generator, _nothing if encoder is None else encoder.encode


def _write_table(job: EvaluateJob, figures: dict[str, dict[str, float]], judge: Judge) -> None:
    (job.out / "table.json").write_text(json.dumps(figures, indent=1), "utf-8")
    (job.out / "table.md").write_text(table(figures) + "\n" + notes(judge.config.steps, job.names, job.scenes), "utf-8")


def _nothing(texts: Sequence[str]) -> list[Tensor]:
    return [torch.zeros(1, 1) for _ in texts]


def real_figures(judge: Judge, data: Captioned, names: Sequence[Named], scenes: Sequence[Scene]) -> dict[str, float]:
    """The judge on the data set's own pictures of the same questions: no generator can be told to do better."""
    shown = judged(judge, torch.stack([data.picture(q.row) for q in names]))
    composed = judged(judge, torch.stack([data.picture(q.row) for q in scenes]))
    half = len(scenes) // 2
    apart = frechet(composed.view[:half], composed.view[half:])
    scores = name_scores(judge, shown, names) | scene_scores(judge, composed, scenes)
    return scores | {"distance": apart}


def generator_figures(
    generator: Generator,
    encode: Encode,
    judge: Judge,
    data: Captioned,
    names: Sequence[Named],
    scenes: Sequence[Scene],
    seeds: int,
    seed: int,
    folder: Path | None = None,
) -> dict[str, float]:
    """All figures of one generator; its grids go to `folder`."""
    columns = (TextColumn(generator.name), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    several = scenes[: min(16, len(scenes))]
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("", total=len(names) + len(scenes) + len(several) * seeds)

        def made(texts: Sequence[str], numbers: Sequence[int]) -> tuple[Tensor, float, float]:
            started = time.perf_counter()
            features = encode(texts)
            encoded = time.perf_counter()
            parts = []
            for start in range(0, len(texts), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                parts.append(generator.generate(features[part], numbers[part], generator.size, generator.size))
                progress.advance(bar, len(parts[-1]))
            return torch.cat(parts), encoded - started, time.perf_counter() - encoded

        singles, _, _ = made([q.text for q in names], [seed + q.row for q in names])
        composed, encoding, generating = made([q.text for q in scenes], [seed + q.row for q in scenes])
        again = [(q.text, seed + q.row + 1_000_003 * (n + 1)) for q in several for n in range(seeds)]
        repeated, _, _ = made([text for text, _ in again], [number for _, number in again])
    if folder is not None:
        for file, pictures in (("names.png", singles[:: max(1, len(singles) // _SHOWN)]), ("scenes.png", composed)):
            shown = pictures[:_SHOWN]
            write_grid(folder / file, [p for p in shown.split(_COLUMNS) if len(p) == _COLUMNS] or [shown])
    verdict = judged(judge, composed)
    real = judged(judge, torch.stack([data.picture(q.row) for q in scenes]))
    views = judged(judge, repeated).view.reshape(len(several), seeds, -1)
    return {
        **name_scores(judge, judged(judge, singles), names),
        **scene_scores(judge, verdict, scenes),
        "distance": frechet(verdict.view, real.view),
        "variety": variety(views),
        "pixels": float(generator.size),
        "pictures a second": len(scenes) / generating,
        "with encoding": len(scenes) / (encoding + generating),
    }


def _megabytes(folder: Path) -> float:
    return sum(f.stat().st_size for f in folder.rglob("*.safetensors") if f.name != "state.safetensors") / 1e6
