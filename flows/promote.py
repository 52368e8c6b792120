"""Promote: a model is put to use if people would prefer its pictures to those of the one in use.

    imagemill promote models/flow-7 --to models/production --reward models/taste --dataset data/emoji

Nothing is promoted without evidence: the folder keeps it beside its pointer. As a deployment, weekly, it trains the
reward model on the week's votes first (deployments/prefect.yaml).
"""

from pathlib import Path

from prefect import flow, task

from flows.engine.schedule_day import scheduled_day
from flows.engine.stage_call import called
from flows.engine.task_options import IN_MEMORY, RETRIED
from flows.jobs.promote import PromoteJob
from models.judge.model import load_judge
from models.text.text_encoder import load_text_encoder
from tasks.evaluation.questions import ask_scenes
from tasks.feedback.reward import train_reward
from tasks.feedback.votes import FOLDER
from tasks.loading.models import load_generator, usable
from tasks.loading.promoted import Promotion, current, promote
from tasks.preference.compare import Evidence, compare
from tasks.render.rank import load_reward, load_reward_encoder
from tasks.runfolder.errors import BadInput
from tasks.runfolder.run_folders import find_runs
from tasks.runfolder.storage import Storage
from tasks.training.data.captioned import read_captioned

REWARD_ENCODER = "gemma"
"""Reads texts for reward models, as for the embedded generator."""


@flow(name="promote", flow_run_name="{job.candidate} to {job.to}", persist_result=False)
def promote_model(job: PromoteJob) -> Promotion:
    """Compares a candidate with the model in use and points the folder to it.

    Raises:
        BadInput: the candidate is no better, or a model or the data set cannot be used; what is in use stays so.
    """
    job = job.dated(scheduled_day())
    if job.runs is not None:
        called(learn_taste)(job)
    evidence = called(compare_models)(job)
    return called(point)(job, evidence)


@task(name="train reward", **IN_MEMORY, **RETRIED)
def learn_taste(job: PromoteJob) -> None:
    """Trains the reward model on the votes of all runs that have some."""
    assert job.runs is not None
    runs = [run.url for run in find_runs(job.runs) if Storage(run.url).list(FOLDER)]
    if not runs:
        raise BadInput(f"--runs {job.runs}: no run there has votes; gather some with `imagemill review`.")
    encoder = usable(lambda: load_text_encoder(REWARD_ENCODER, job.device))
    train_reward(runs, Path(job.reward), encoder, REWARD_ENCODER)


@task(name="compare", **IN_MEMORY, **RETRIED)
def compare_models(job: PromoteJob) -> Evidence:
    """Renders held-out scenes with both and looks at them. Raises BadInput if the candidate is no better."""
    now = current(job.to)
    over = job.over or (now.model if now else "default")
    scenes = ask_scenes(read_captioned(job.dataset), job.scenes, job.seed)
    old, new = (load_generator(name, job.device) for name in (over, job.candidate))
    reward, judge = load_reward(job.reward), usable(load_judge)
    evidence = compare(old, new, scenes, judge, reward, load_reward_encoder(reward, job.device), job.device)
    if evidence.refused:
        raise BadInput(f"{job.candidate} is not promoted over {over}: {evidence.refused}.")
    return evidence


@task(name="promote", **IN_MEMORY, **RETRIED)
def point(job: PromoteJob, evidence: Evidence) -> Promotion:
    """Points the folder to the candidate."""
    return promote(job.to, job.candidate, evidence.new["digest"], evidence.as_dict() | {"reward": job.reward})
