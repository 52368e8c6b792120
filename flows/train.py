"""`imagemill train vae DATASET --out CKPT`: trains the structured VAE on a captioned data set.

    imagemill dataset emoji --out data/emoji && imagemill train vae data/emoji --out out/vae

The same command again carries on from the last checkpoint, and ends with the weights of an undisturbed run.
"""

from pathlib import Path

from prefect import flow
from pydantic import BaseModel, Field
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from models import checkpoint
from models.text_encoder import load_text_encoder
from models.vae import StructuredVae
from tasks.errors import BadInput
from tasks.training.captioned import Captioned, Encoder, FeatureCache, cached_features, read_captioned
from tasks.training.evaluate_vae import evaluate
from tasks.training.vae import Schedule, Trainer, build_model

STATE = "state.safetensors"  # everything the next step depends on
_SHOWN_LOSSES = ("picture", "concept", "place", "kl", "sprite")


class TrainJob(BaseModel):
    """What `imagemill train vae` does."""

    dataset: Path = Field(description="Folder of a captioned data set (concepts.parquet, pictures-*.parquet).")
    out: Path = Field(description="Folder for the checkpoint; a training that was interrupted here goes on.")
    encoder: str = Field("gemma", description="Text encoder whose features the model reads.")
    steps: int = Field(2000, ge=1, description="Training steps.")
    start: Path | None = Field(None, description="Begin with this checkpoint's weights instead of random ones.")
    captions: int = Field(
        128, ge=0, description="Captions a step reads; 0 leaves the reader and the priors as they are."
    )
    pictures: int = Field(12, ge=1, description="Pictures a step reconstructs.")
    sprites: int = Field(
        6, ge=0, description="Sprites of the memory that a step decodes; 0 leaves their decoder as is."
    )
    rate: float = Field(1.5e-3, gt=0, description="Highest learning rate; it warms up, then falls along a cosine.")
    seed: int = Field(0, ge=0, description="Decides weights at the start, order, noise and dropout.")
    every: int = Field(100, ge=1, description="Steps between two checkpoints and sample grids.")


class TrainSummary(BaseModel):
    """How a training ended."""

    out: Path
    steps: int
    figures: dict[str, float]


@flow(name="train-vae")
def train_vae(job: TrainJob) -> TrainSummary:
    """Trains a structured VAE; see `run_training`."""
    return run_training(job, load_text_encoder(job.encoder))


def run_training(job: TrainJob, encoder: Encoder) -> TrainSummary:
    """Reads the data set, encodes its captions once, trains, and writes the checkpoint to `job.out`.

    Raises BadInput when the data set cannot be used, `out` holds another training, or the loss stops being a number.
    """
    data = read_captioned(job.dataset)
    _claim(job)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), transient=True) as progress:
        features = _encode(job, data, encoder, progress)
        schedule = Schedule(job.steps, job.captions, job.pictures, job.sprites, job.rate, job.seed)
        model = build_model(data, features, encoder, job.encoder, job.seed)
        if job.start is not None:
            _begin(model, job.start)
        trainer = Trainer(model, data, features, schedule)
        if (job.out / STATE).exists():
            trainer.resume(job.out / STATE)
        _train(job, trainer, progress)
        figures = evaluate(trainer)
    checkpoint.save(job.out, "vae", trainer.config(), trainer.model, _card(job, trainer, figures))
    return TrainSummary(out=job.out, steps=trainer.done, figures=figures)


def _begin(model: StructuredVae, start: Path) -> None:
    """Gives the model the weights of a checkpoint that was trained on the same concepts."""
    try:
        ids = [concept[0] for concept in checkpoint.read_config(start).get("concepts", ())]
        if ids != [concept[0] for concept in model.config.concepts]:
            raise BadInput(f"{start} knows other concepts than the data set: start from one trained on the same.")
        checkpoint.load_weights(start, model)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _claim(job: TrainJob) -> None:
    """Marks the folder with the job; an interrupted training may only go on as it began."""
    said = job.model_dump_json(exclude={"dataset", "out", "every"})
    path = job.out / "job.json"
    if path.exists() and path.read_text("utf-8") != said:
        raise BadInput(f"{job.out} holds a training with other settings ({path}): choose another --out folder.")
    job.out.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(said, "utf-8")
    partial.replace(path)


def _encode(job: TrainJob, data: Captioned, encoder: Encoder, progress: Progress) -> FeatureCache:
    bar = progress.add_task("encoding captions", total=len(data.rows), note="")
    captions = [row["caption"] for row in data.rows]
    return cached_features(
        job.out / "features", captions, encoder, lambda n: progress.update(bar, completed=min(n, len(captions)))
    )


def _train(job: TrainJob, trainer: Trainer, progress: Progress) -> None:
    bar = progress.add_task("training", total=job.steps, completed=trainer.done, note="")
    shown = [i for i, row in enumerate(trainer.data.rows) if row["split"] == "test" and row["kind"] == "scene"][:8]
    while trainer.done < job.steps:
        losses = trainer.step()
        note = " ".join(f"{name} {losses[name]:.3f}" for name in _SHOWN_LOSSES if name in losses)
        progress.update(bar, completed=trainer.done, note=note)
        if trainer.done % job.every == 0 or trainer.done == job.steps:
            # The weights first: when the state says that a step is done, its checkpoint is there.
            checkpoint.save(job.out, "vae", trainer.config(), trainer.model, _card(job, trainer, {}))
            trainer.save(job.out / STATE)
            with (job.out / "losses.csv").open("a", encoding="utf-8") as log:
                log.write(",".join([str(trainer.done), *(f"{n}={v:.5f}" for n, v in losses.items())]) + "\n")
            trainer.sample(job.out / "samples" / f"{trainer.done:06d}.png", shown or [0])


def _card(job: TrainJob, trainer: Trainer, shares: dict[str, float]) -> str:
    """The model card of a checkpoint; the one of the embedded default says more."""
    command = (
        f"imagemill train vae {job.dataset.name} --steps {job.steps} --captions {job.captions} "
        f"--pictures {job.pictures} --sprites {job.sprites} --rate {job.rate} --seed {job.seed}"
    )
    lines = ["", "| what it reads right | share |", "|---|---|", *(f"| {n} | {v:.3f} |" for n, v in shares.items())]
    return (
        f"# Structured VAE after {trainer.done} steps\n\n"
        f"Made by `{command}` from {len(trainer.data.rows)} captioned pictures of {len(trainer.data.concepts)} "
        f"sprites, on the features of the text encoder `{job.encoder}`.\n\n"
        "Sprites are retrieved from the checkpoint's memory; backdrop, arrangement, light and shadow are generated.\n"
    ) + ("\n".join(lines) + "\n" if shares else "")
