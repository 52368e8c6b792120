"""The stages of an evaluation, as Prefect tasks."""

import json
from pathlib import Path

from prefect import task
from prefect.artifacts import MarkdownArtifact
from prefect.context import TaskRunContext

from flows.engine.artifacts import show
from flows.engine.counted import count
from flows.engine.task_options import IN_MEMORY, RETRIED
from flows.jobs.evaluate import EvaluateJob
from models.judge.model import Judge, load_judge
from models.protocols import Generator
from models.weight_files import DEFAULT
from tasks.evaluation.figures import data_set_figures, generator_figures
from tasks.evaluation.pictures import Encode, Pictures, no_features, pictures_of, write_grids
from tasks.evaluation.questions import Questions
from tasks.evaluation.table import notes, table, write_asked
from tasks.loading.models import load_encoder, load_generator, resolve, usable
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import StorageError
from tasks.training.data.captioned import read_captioned


class Evaluation:
    """The state shared by the stages. A plain class: Prefect would walk through the fields of a model."""

    questions: Questions
    judge: Judge

    def __init__(self, job: EvaluateJob) -> None:
        self.job = job
        self.figures: dict[str, dict[str, float]] = {}


class Candidate:
    """A generator under evaluation, and its pictures."""

    label: str
    """Name of its column in the table and of its folder."""
    pictures: Pictures

    def __init__(self, generator: Generator, encode: Encode, weights: Path) -> None:
        self.generator = generator
        self.encode = encode
        self.weights = weights


@task(name="load", **IN_MEMORY, **RETRIED)
def load(evaluation: Evaluation) -> None:
    """Reads the data set, draws the questions, and loads the judge."""
    job = evaluation.job
    try:
        data = read_captioned(job.dataset)
    except StorageError as error:
        raise BadInput(str(error)) if error.mendable else error from error
    evaluation.judge = usable(lambda: load_judge(job.judge))
    evaluation.questions = Questions.drawn(data, job.names, job.scenes, job.seed)
    unknown = evaluation.questions.concepts() - set(evaluation.judge.config.concepts)
    if unknown:
        raise BadInput(
            f"The judge {job.judge} does not know {len(unknown)} of the things that the questions ask for, such as "
            f"{min(unknown)}: give as --judge one that was trained on this data set."
        )


@task(name="load generator", task_run_name="load {reference}", **IN_MEMORY, **RETRIED)
def load_candidate(evaluation: Evaluation, reference: str) -> Candidate:
    """Loads a generator and its text encoder."""
    generator = load_generator(reference, "cpu")
    if generator.own_encoder is not None:
        raise BadInput(f"{reference} is a diffusers checkpoint, whose pictures this judge was not trained for.")
    encoder = load_encoder(generator, "cpu")
    weights = DEFAULT if reference == "default" else Path(resolve(reference))
    return Candidate(generator, no_features if encoder is None else encoder.encode, weights)


@task(name="ask", **IN_MEMORY)
def ask(evaluation: Evaluation) -> None:
    """Writes the questions, and has the judge look at the data set's own pictures of them."""
    out, questions = evaluation.job.out, evaluation.questions
    out.mkdir(parents=True, exist_ok=True)
    write_asked(out / "asked.csv", questions.names, questions.scenes)
    evaluation.figures["data set"] = data_set_figures(evaluation.judge, questions)


@task(name="generate", task_run_name="generate {candidate.generator.name}", **IN_MEMORY)
def generate(evaluation: Evaluation, candidate: Candidate) -> None:
    """Generates pictures for all questions, and writes grids of them."""
    job, questions, name = evaluation.job, evaluation.questions, candidate.generator.name
    candidate.label = name if name not in evaluation.figures else f"{name} {len(evaluation.figures)}"
    with count(f"generating with {name}", "pictures", questions.pictures(job.seeds)) as done:
        candidate.pictures = pictures_of(candidate.generator, candidate.encode, questions, job.seeds, job.seed, done)
    write_grids(job.out / candidate.label, candidate.pictures)


@task(name="judge", task_run_name="judge {candidate.label}", **IN_MEMORY)
def judge_pictures(evaluation: Evaluation, candidate: Candidate) -> None:
    """Has the judge look at the pictures."""
    figures = generator_figures(evaluation.judge, evaluation.questions, candidate.pictures)
    figures["megabytes"] = _megabytes(candidate.weights)
    evaluation.figures[candidate.label] = figures


@task(name="table", task_run_name="table with {candidate.label}", **IN_MEMORY)
def write_table(evaluation: Evaluation, candidate: Candidate) -> None:
    """Writes the table of all generators judged so far, and shows it on the Prefect page."""
    job, figures = evaluation.job, evaluation.figures
    text = table(figures) + "\n" + notes(evaluation.judge.config.steps, job.names, job.scenes)
    (job.out / "table.json").write_text(json.dumps(figures, indent=1), "utf-8")
    (job.out / "table.md").write_text(text, "utf-8")
    if TaskRunContext.get():
        show(MarkdownArtifact(markdown=text, key="evaluation"))


def _megabytes(folder: Path) -> float:
    return sum(f.stat().st_size for f in folder.rglob("*.safetensors") if f.name != "state.safetensors") / 1e6
