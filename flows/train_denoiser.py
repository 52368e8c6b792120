"""`imagemill train denoiser ARCHIVE --out CKPT`: trains a denoiser on an archive of noisy pictures, without clean ones.

    imagemill train denoiser s3://bucket/scans --out out/denoiser
    imagemill render prompts.parquet --out run --enhance denoise-learned:out/denoiser
    imagemill train denoiser pictures --clean --start none --out out/denoiser     # of clean pictures, for any noise

The same command again carries on from the last checkpoint, and ends with the weights of an undisturbed run.
"""

from pathlib import Path

from prefect import flow
from pydantic import BaseModel, Field

from flows.engine.progress import Progress
from flows.jobs.train import Local
from models.device import multiplies_bfloat16
from models.filters.denoiser import Denoiser, load
from tasks.loading.models import resolve, usable
from tasks.training.data.noisy_patches import Patches, read_patches
from tasks.training.families.denoiser import DenoiserFamily, build_denoiser
from tasks.training.output_folder import STATE, claim
from tasks.training.trainer import Loop, Schedule


class DenoiserJob(BaseModel):
    """What `imagemill train denoiser` does."""

    archive: str = Field(description="Folder of pictures, noisy ones or --clean, local or s3://; it is only read.")
    out: Local = Field(description="Folder for the checkpoint; a training that was interrupted here goes on.")
    clean: bool = Field(False, description="They have no noise: Gaussian, Poisson and Rician of any level is added.")
    steps: int = Field(2000, ge=1, description="Training steps.")
    start: str = Field("default", description="Begin with the embedded denoiser, a checkpoint's folder, or `none`.")
    pictures: int = Field(1000, ge=1, description="Pictures to learn from, drawn from the whole archive.")
    patches: int = Field(2048, ge=64, description="Patches of 96 x 96 pixels cut from them, kept in memory.")
    rate: float | None = Field(None, gt=0, description="Highest learning rate; else 2e-4, from the start `none` 2e-3.")
    correction: float = Field(1.0, ge=0, description="For noisy ones: how much neighbours' true differences count.")
    seed: int = Field(0, ge=0, description="Decides the patches, their order and what is drawn for each.")
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
    with claim(job.out, job, {"archive", "out", "every"}):
        return _run(job, start)


def _run(job: DenoiserJob, start: Denoiser | None) -> DenoiserSummary:
    patches = _read(job)
    model = build_denoiser(job.seed, start)
    family = DenoiserFamily(model, patches, job.steps, job.clean, job.correction)
    bf16 = multiplies_bfloat16("cpu")
    loop = Loop(family, Schedule(job.steps, _rate(job), job.seed, average=0.998, bf16=bf16))
    if (job.out / STATE).exists():
        loop.resume(job.out / STATE)
    loss = _train(job, loop, patches)
    return DenoiserSummary(out=job.out, steps=loop.done, pictures=patches.pictures, loss=loss)


def _start(reference: str) -> Denoiser | None:
    return None if reference == "none" else usable(lambda: load(resolve(reference)))


def _read(job: DenoiserJob) -> Patches:
    with Progress(job.pictures, 0, lambda share: None, "reading pictures", "pictures") as progress:

        def seen(of: int) -> None:
            progress.expect(of)
            progress.advance(1)

        return read_patches(job.archive, job.pictures, job.patches, job.seed, seen, job.clean)


def _rate(job: DenoiserJob) -> float:
    return job.rate or (2e-3 if job.start == "none" else 2e-4)


def _train(job: DenoiserJob, loop: Loop, patches: Patches) -> float:
    losses: list[float] = []
    with Progress(job.steps, loop.done, lambda share: None, "training", "steps") as progress:
        while loop.done < job.steps:
            losses.append(loop.step()["loss"])
            progress.advance(1, f"loss {losses[-1]:.3f}")
            if loop.done % job.every and loop.done < job.steps:
                continue
            loop.keep(job.out, _card(job, loop.done, patches))
            with (job.out / "losses.csv").open("a", encoding="utf-8") as log:
                log.write(f"{loop.done},{sum(losses[-job.every :]) / len(losses[-job.every :]):.5f}\n")
            loop.family.sample(loop.model, job.out / "samples" / f"{loop.done:06d}.png")
    return losses[-1] if losses else float("nan")


def _card(job: DenoiserJob, steps: int, patches: Patches) -> str:
    """The model card. It names no file and no folder of the archive: they may be patients'."""
    seen = (
        "clean pictures, to which Gaussian, Poisson and Rician noise of many levels was added, by\n"
        if job.clean
        else "noisy pictures, without clean ones (Neighbor2Neighbor, Huang et al. 2021), by\n"
    )
    return (
        f"# Denoiser after {steps} steps\n\n"
        f"Trained on {len(patches.pixels)} patches of {patches.pictures} {seen}"
        f"`imagemill train denoiser ARCHIVE {'--clean ' if job.clean else ''}--steps {job.steps} --start {job.start} "
        f"--patches {job.patches} --rate {_rate(job)} --correction {job.correction} --seed {job.seed}`.\n\n"
        "For pictures like those, with noise that is each pixel's own. What it takes for noise is gone: compare with "
        "the original before a diagnosis.\n"
    )
