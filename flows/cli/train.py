"""The commands `imagemill dataset` and `imagemill train`. Loaded only when one of them is called."""

import sys
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from cyclopts import App, Parameter

from flows.dataset import build_emoji_dataset, collect_dataset
from flows.engine import local_server
from flows.jobs.dataset import CollectJob, EmojiDatasetJob
from flows.jobs.local import Local
from flows.jobs.train import AutoencoderJob, DenoiserJob, FlowJob, GanJob, JudgeJob, TrainJob, TrainSummary, VaeJob
from flows.train import train_autoencoder, train_denoiser, train_flow, train_gan, train_judge, train_vae
from models.text.text_encoder import load_text_encoder
from tasks.datasets.write_captioned import CollectOptions

Job = TypeVar("Job", bound=TrainJob)
REWARD_ENCODER = "gemma"
"""Reads texts for reward models, as for the embedded generator."""

dataset = App(name="dataset", help="Build a captioned data set to train on.")
train = App(name="train", help="Train a model on a captioned data set. Running the same command again resumes.")

for _job in (VaeJob, AutoencoderJob, GanJob, FlowJob, JudgeJob, DenoiserJob):
    for _field in _job.model_fields.values():  # otherwise cyclopts would take a stray word for the first option
        _field.kw_only = not _field.is_required()


@dataset.command
def emoji(*, job: Annotated[EmojiDatasetJob, Parameter(name="*")]) -> int:
    """Emoji (Fluent 3D; names from emojibase; both MIT) alone and in drawn scenes, captions in English and Chinese."""
    local_server.configure()
    local_server.wait_for_server()
    summary = build_emoji_dataset(job)
    counts = f"{summary.concepts} concepts, {summary.single_captions} single captions, {summary.scenes} scenes"
    print(f"{counts} in {summary.out}")
    return 0


@dataset.command
def folder(path: str, *, out: str, options: Annotated[CollectOptions, Parameter(name="*")]) -> int:
    """A folder of your own pictures; captions in metadata.jsonl, metadata.csv, captions.csv, or a .txt beside each.

    Parameters
    ----------
    path
        The folder, local or s3://.
    out
        Folder for the data set, local or s3://; must be new or empty.
    """
    return _collect(CollectJob(path=path, out=out, **options.model_dump()), "folder")


@dataset.command
def parquet(path: str, *, out: str, options: Annotated[CollectOptions, Parameter(name="*")]) -> int:
    """Parquet files with a column `image` (bytes, or as Hugging Face stores them) and `text`, `prompt` or `caption`.

    Parameters
    ----------
    path
        A file, a folder or a glob, local or s3://.
    out
        Folder for the data set, local or s3://; must be new or empty.
    """
    return _collect(CollectJob(path=path, out=out, **options.model_dump()), "parquet")


def _collect(job: CollectJob, kind: Literal["folder", "parquet"]) -> int:
    local_server.configure()
    local_server.wait_for_server()
    summary = collect_dataset(job, kind)
    print(f"{summary.pictures} captioned pictures in {summary.out}")
    if summary.left_out:
        reason = (
            f"{summary.left_out} left out, listed in {summary.out}/left-out.parquet (the first: {summary.first_reason})"
        )
        print(reason, file=sys.stderr)
    return 0


@train.command
def vae(job: Annotated[VaeJob, Parameter(name="*")]) -> int:
    """Train the structured VAE of the embedded default."""
    return _trained(train_vae, job)


@train.command
def autoencoder(job: Annotated[AutoencoderJob, Parameter(name="*")]) -> int:
    """Train an autoencoder (pictures to latents and back), and a text head that predicts latents."""
    return _trained(train_autoencoder, job)


@train.command
def gan(job: Annotated[GanJob, Parameter(name="*")]) -> int:
    """Train a GAN on an autoencoder's latents; generator and discriminator both read the text."""
    return _trained(train_gan, job)


@train.command(name="flow")
def latent_flow(job: Annotated[FlowJob, Parameter(name="*")]) -> int:
    """Train a rectified flow (a diffusion transformer) on an autoencoder's latents, or LoRA adapters for one."""
    return _trained(train_flow, job)


def _trained(flow: Callable[[Job], TrainSummary], job: Job) -> int:
    local_server.configure()
    local_server.wait_for_server()
    summary = flow(job)
    print(f"{summary.steps} steps; the checkpoint is in {summary.out}")
    for name, figure in summary.figures.items():
        print(f"{name}  {figure:.3f}")
    if summary.refused:
        print(
            f"{summary.refused} rows of the data set were left out; {summary.out / 'refused.csv'} gives the reasons",
            file=sys.stderr,
        )
    return 0


@train.command
def judge(job: Annotated[JudgeJob, Parameter(name="*")]) -> int:
    """Train the judge of `imagemill evaluate`."""
    return _trained(train_judge, job)


@train.command
def denoiser(job: Annotated[DenoiserJob, Parameter(name="*")]) -> int:
    """Train a denoiser on an archive of noisy pictures; no clean ones are needed."""
    local_server.configure()
    local_server.wait_for_server()
    summary = train_denoiser(job)
    print(f"{summary.steps} steps on {summary.pictures} pictures; the checkpoint is in {summary.out}")
    return 0


@train.command
def reward(runs: Annotated[list[str], Parameter(negative=())], *, out: Local, device: str = "cpu") -> int:
    """A reward model on the votes that `imagemill review` has gathered; saved only if it is better than chance.

    Parameters
    ----------
    runs
        Run folders with votes, local or s3://.
    out
        Folder for the model, on this machine.
    device
        Where the text encoder runs.
    """
    from tasks.feedback.reward import train_reward
    from tasks.loading.models import usable

    encoder = usable(lambda: load_text_encoder(REWARD_ENCODER, device))
    found = train_reward(runs, out, encoder, REWARD_ENCODER)
    print(f"{found.accuracy:.1%} of held-out preferences, at least {found.at_least:.1%}, from {found.pairs:,} pairs")
    print(f"reward model  {out}")
    return 0
