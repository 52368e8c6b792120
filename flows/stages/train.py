"""The stages of a training, as Prefect tasks, the same for all families.

Results stay in memory; the output folder is the checkpoint.
"""

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pkgutil import resolve_name

from prefect import task
from prefect.context import TaskRunContext

from flows.engine.artifacts import show_figures, show_samples
from flows.engine.counted import count, progress
from flows.engine.task_options import IN_MEMORY, RETRIED
from flows.jobs.render import check_device
from flows.jobs.train import MAY_DIFFER, TrainJob, TrainSummary
from tasks.runfolder.errors import BadInput
from tasks.training.data.feature_cache import Encoder
from tasks.training.family import AnyFamily
from tasks.training.output_folder import STATE, failures_told, lock_output_folder
from tasks.training.trainer import Trainer

FAMILIES = {
    "vae": "tasks.training.families.vae:VaeFamily",
    "autoencoder": "tasks.training.families.autoencoder:AutoencoderFamily",
    "gan": "tasks.training.families.gan:GanFamily",
    "flow": "tasks.training.families.rectified_flow:FlowFamily",
    "judge": "tasks.training.families.judge:JudgeFamily",
    "denoiser": "tasks.training.families.denoiser:DenoiserFamily",
}


class Training:
    """The state that the stages pass on. A plain class: Prefect would walk through the fields of a model.

    Args:
        encoder: a text encoder to use instead of the one that the job names.
    """

    trainer: Trainer
    figures: dict[str, float]

    def __init__(self, job: TrainJob, encoder: Encoder | None = None) -> None:
        self.job = job
        self.family = _family(job, encoder)
        self.held = ExitStack()

    @contextmanager
    def folder(self) -> Iterator[None]:
        """Keeps the output folder's lock, once `load` has taken it, until the training ends."""
        with failures_told(self.job.out), self.held:
            yield

    def summary(self) -> TrainSummary:
        family = self.family
        return TrainSummary(
            out=self.job.out,
            steps=self.trainer.done,
            pictures=family.pictures,
            refused=len(family.refused),
            figures=self.figures,
        )


def _family(job: TrainJob, encoder: Encoder | None) -> AnyFamily:
    try:
        family_class = resolve_name(FAMILIES[job.family])
    except ValueError as error:  # diffusers is not installed
        raise BadInput(str(error)) from None
    family: AnyFamily = family_class(job, encoder) if encoder else family_class(job)
    return family


@task(name="load", **IN_MEMORY, **RETRIED)
def load(training: Training) -> Training:
    """Opens the data, the text encoder and the checkpoints to start from; then locks the output folder."""
    job, family = training.job, training.family
    check_device(getattr(job, "device", "cpu"))
    family.load(job.source)
    training.held.enter_context(lock_output_folder(job.out, job, MAY_DIFFER, family.data_digest()))
    return training


@task(name="encode", **IN_MEMORY, **RETRIED)
def encode(training: Training) -> Training:
    """Turns the data into tensors; `refused.csv` lists the rows that are left out."""
    training.family.encode(training.job.cache_folder, count)
    with (training.job.out / "refused.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "row", "reason"])
        writer.writerows([each.file, each.row, each.reason] for each in training.family.refused)
    return training


@task(name="fit", **IN_MEMORY)
def fit(training: Training) -> Training:
    """Trains for the steps that remain."""
    job, family = training.job, training.family
    family.build()
    training.trainer = trainer = Trainer(family)
    if (job.out / STATE).exists():
        trainer.resume(job.out / STATE)
    with progress("training", "steps", job.steps, trainer.done) as bar:
        trainer.fit(
            job.out,
            job.every,
            stepped=lambda losses: bar.advance(1, " ".join(f"{name} {loss:.3f}" for name, loss in losses.items())),
            sampled=show_samples if TaskRunContext.get() and not family.private else lambda path, steps: None,
        )
    return training


@task(name="evaluate", **IN_MEMORY)
def evaluate(training: Training) -> Training:
    """Computes figures on the held-out data."""
    training.figures = training.family.evaluate(training.trainer.model)
    return training


@task(name="save", **IN_MEMORY)
def save(training: Training) -> Training:
    """Writes the checkpoint with its figures."""
    trainer, out = training.trainer, training.job.out
    trainer.save_checkpoint(out, training.figures)
    if TaskRunContext.get():
        show_figures(training.figures, f"After {trainer.done} steps: `{out}`")
    return training
