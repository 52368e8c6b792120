"""`imagemill train judge DATASET --out CKPT`: trains the judge of `imagemill evaluate` on a data set's pictures.

    imagemill train judge data/emoji --out out/judge && imagemill evaluate default --judge out/judge ...

The same command again carries on from the last state, and ends with the weights of an undisturbed run.
"""

from pathlib import Path

from prefect import flow
from pydantic import BaseModel, Field

from flows.engine.progress import Progress
from flows.jobs.train import Local, TrainSummary
from models.device import multiplies_bfloat16
from tasks.training.data.captioned import Captioned, read_captioned
from tasks.training.data.judge_pictures import look
from tasks.training.families.judge import JudgeFamily, build_judge
from tasks.training.output_folder import STATE, claim
from tasks.training.trainer import Loop, Schedule


class JudgeJob(BaseModel):
    """What `imagemill train judge` does."""

    dataset: str = Field(description="Data set that records what its pictures show, as `imagemill dataset emoji`.")
    out: Local = Field(description="Folder for the checkpoint; a training that was interrupted here goes on.")
    steps: int = Field(2400, ge=1, description="Training steps.")
    batch: int = Field(32, ge=1, description="Pictures a step.")
    rate: float = Field(2e-3, gt=0, description="Highest learning rate; it warms up, then falls along a cosine.")
    seed: int = Field(0, ge=0, description="Decides weights at the start, order and how pictures vary.")
    every: int = Field(200, ge=1, description="Steps between two checkpoints.")


@flow(name="train-judge", persist_result=False)
def train_judge(job: JudgeJob) -> TrainSummary:
    """Trains a judge; see `run_judge_training`."""
    return run_judge_training(job)


def run_judge_training(job: JudgeJob) -> TrainSummary:
    """Trains a judge and writes its checkpoint to `job.out`.

    Raises BadInput when the data set does not record what its pictures show, or `out` holds another training.
    """
    data = read_captioned(job.dataset)
    with claim(job.out, job, {"dataset", "out", "every"}, data.digest()):
        return _run(job, data)


def _run(job: JudgeJob, data: Captioned) -> TrainSummary:
    model = build_judge(data, job.seed)
    family = JudgeFamily(model, look(data, model.config), job.batch, job.seed)
    loop = Loop(family, Schedule(job.steps, job.rate, job.seed, average=0.99, bf16=multiplies_bfloat16("cpu")))
    if (job.out / STATE).exists():
        loop.resume(job.out / STATE)
    with Progress(job.steps, loop.done, lambda share: None, "training", "steps") as progress:
        while loop.done < job.steps:
            losses = loop.step()
            progress.advance(1, " ".join(f"{name} {loss:.3f}" for name, loss in losses.items()))
            if loop.done % job.every == 0 or loop.done == job.steps:
                loop.keep(job.out, _card(job, loop, data, {}))
                family.sample(loop.model, job.out / "samples" / f"{loop.done:06d}.png")
    figures = family.figures(loop.model)
    family.save(loop.model, job.out, loop.done, _card(job, loop, data, figures))
    return TrainSummary(out=job.out, steps=loop.done, refused=len(data.refused), figures=figures)


def _card(job: JudgeJob, loop: Loop, data: Captioned, figures: dict[str, float]) -> str:
    lines = ["", "| on held-out pictures | |", "|---|---|", *(f"| {n} | {v:.3f} |" for n, v in figures.items())]
    command = f"{Path(job.dataset).name} --steps {job.steps} --batch {job.batch} --rate {job.rate} --seed {job.seed}"
    return (
        f"# Judge after {loop.done} steps\n\n"
        "Looks at a picture and says what is in it, where, in which colour, which place and which sky; see "
        "`models/judge/model.py`. It serves `imagemill evaluate` alone and is part of no generator.\n\n"
        f"Made by `imagemill train judge {command}` from the pictures of {len(data.rows)} captions, many of which "
        "share one (licences as recorded there: MIT for the emoji data set). It never sees a text.\n"
    ) + ("\n".join(lines) + "\n" if figures else "")
