"""`imagemill train denoiser ARCHIVE --out CKPT`: trains a denoiser on an archive of noisy pictures, without clean ones.

    imagemill train denoiser s3://bucket/scans --out out/denoiser
    imagemill render prompts.parquet --out run --enhance denoise-learned:out/denoiser

The same command again carries on from the last checkpoint, and ends with the weights of an undisturbed run.
"""

from pathlib import Path

from prefect import flow
from pydantic import BaseModel, Field
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from models import checkpoint
from models.denoiser import FAMILY, Denoiser, load
from tasks.load import resolve, usable
from tasks.training.archive import read_patches
from tasks.training.claim import claim
from tasks.training.denoiser import Schedule, Trainer

STATE = "state.safetensors"  # everything the next step depends on


class DenoiserJob(BaseModel):
    """What `imagemill train denoiser` does."""

    archive: str = Field(description="Folder of noisy pictures, DICOM or others, local or s3://; it is only read.")
    out: Path = Field(description="Folder for the checkpoint; a training that was interrupted here goes on.")
    steps: int = Field(2000, ge=1, description="Training steps.")
    start: str = Field("default", description="Begin with the embedded denoiser, a checkpoint's folder, or `none`.")
    pictures: int = Field(1000, ge=1, description="Pictures to learn from, drawn from the whole archive.")
    patches: int = Field(8192, ge=64, description="Patches of 64 x 64 pixels cut from them, kept in memory.")
    rate: float = Field(2e-4, gt=0, description="Highest learning rate; from the start `none`, ten times as much.")
    correction: float = Field(1.0, ge=0, description="How much neighbours' true differences are allowed for.")
    seed: int = Field(0, ge=0, description="Decides the patches, their order and the pairs of neighbours.")
    every: int = Field(100, ge=1, description="Steps between two checkpoints and samples.")


class DenoiserSummary(BaseModel):
    """How a training ended."""

    out: Path
    steps: int
    pictures: int
    loss: float


@flow(name="train-denoiser", persist_result=False)
def train_denoiser(job: DenoiserJob) -> DenoiserSummary:
    """Trains a denoiser; see `run_denoiser_training`."""
    return run_denoiser_training(job)


def run_denoiser_training(job: DenoiserJob) -> DenoiserSummary:
    """Cuts patches from the archive, trains, and writes the checkpoint to `job.out`.

    Raises BadInput when the archive or the start cannot be used, `out` holds another training, or the loss stops being
    a number.
    """
    start = _start(job.start)
    claim(job.out, job, {"archive", "out", "every"})
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), transient=True) as progress:
        reading = progress.add_task("reading pictures", total=None, note="")
        patches = read_patches(
            job.archive,
            job.pictures,
            job.patches,
            job.seed,
            lambda done, of: progress.update(reading, completed=done, total=of),
        )
        trainer = Trainer(patches, Schedule(job.steps, job.rate, job.correction, job.seed), start)
        if (job.out / STATE).exists():
            trainer.resume(job.out / STATE)
        loss = _train(job, trainer, progress)
    return DenoiserSummary(out=job.out, steps=trainer.done, pictures=patches.pictures, loss=loss)


def _start(reference: str) -> Denoiser | None:
    return None if reference == "none" else usable(lambda: load(resolve(reference)))


def _train(job: DenoiserJob, trainer: Trainer, progress: Progress) -> float:
    bar = progress.add_task("training", total=job.steps, completed=trainer.done, note="")
    losses: list[float] = []
    while trainer.done < job.steps:
        losses.append(trainer.step())
        progress.update(bar, completed=trainer.done, note=f"loss {losses[-1]:.3f}")
        if trainer.done % job.every == 0 or trainer.done == job.steps:
            # The weights first: when the state says that a step is done, its checkpoint is there.
            checkpoint.save(job.out, FAMILY, trainer.config(), trainer.mean, _card(job, trainer), exact=True)
            trainer.save(job.out / STATE)
            with (job.out / "losses.csv").open("a", encoding="utf-8") as log:
                log.write(f"{trainer.done},{sum(losses[-job.every :]) / len(losses[-job.every :]):.5f}\n")
            trainer.sample(job.out / "samples" / f"{trainer.done:06d}.png")
    return losses[-1] if losses else float("nan")


def _card(job: DenoiserJob, trainer: Trainer) -> str:
    """The model card. It names no file and no folder of the archive: they may be patients'."""
    patches = trainer.patches
    return (
        f"# Denoiser after {trainer.done} steps\n\n"
        f"Trained on {len(patches.pixels)} patches of {patches.pictures} noisy pictures, without clean ones "
        "(Neighbor2Neighbor, Huang et al. 2021), by\n"
        f"`imagemill train denoiser ARCHIVE --steps {job.steps} --start {job.start} --patches {job.patches} "
        f"--rate {job.rate} --correction {job.correction} --seed {job.seed}`.\n\n"
        "For pictures like those, with noise that is each pixel's own. What it takes for noise is gone: compare with "
        "the original before a diagnosis.\n"
    )
