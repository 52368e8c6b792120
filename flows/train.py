"""Train: a data set or an archive in, a checkpoint out.

    imagemill dataset emoji --out data/emoji
    imagemill train autoencoder data/emoji --out out/autoencoder
    imagemill train flow data/emoji --out out/flow --autoencoder out/autoencoder
    imagemill train judge data/emoji --out out/judge           # of `imagemill evaluate`
    imagemill train denoiser s3://bucket/scans --out out/denoiser

Running the same command again resumes from the last state and ends with the weights of an uninterrupted run.
"""

from prefect import flow

from flows.engine.stage_call import called
from flows.jobs.train import AutoencoderJob, DenoiserJob, FlowJob, GanJob, JudgeJob, TrainJob, TrainSummary, VaeJob
from flows.stages.train import Training, encode, evaluate, fit, load, save
from tasks.training.data.feature_cache import Encoder

PIPELINE = [
    load,  # the data set or archive, the text encoder, checkpoints to start from
    encode,  # captions and pictures to tensors
    fit,  # the steps, with checkpoints and sample grids between them
    evaluate,  # figures on held-out data
    save,  # the checkpoint with its figures
]
"""The stages in order, the same for all families; what a family does in each is in tasks/training/families/."""


@flow(name="train-vae", persist_result=False)
def train_vae(job: VaeJob) -> TrainSummary:
    """Trains a structured VAE; see `run_training`."""
    return run_training(job)


@flow(name="train-autoencoder", persist_result=False)
def train_autoencoder(job: AutoencoderJob) -> TrainSummary:
    """Trains an autoencoder and its text head; see `run_training`."""
    return run_training(job)


@flow(name="train-gan", persist_result=False)
def train_gan(job: GanJob) -> TrainSummary:
    """Trains a GAN; see `run_training`."""
    return run_training(job)


@flow(name="train-flow", persist_result=False)
def train_flow(job: FlowJob) -> TrainSummary:
    """Trains a rectified flow; see `run_training`."""
    return run_training(job)


@flow(name="train-judge", persist_result=False)
def train_judge(job: JudgeJob) -> TrainSummary:
    """Trains the judge of pictures; see `run_training`."""
    return run_training(job)


@flow(name="train-denoiser", persist_result=False)
def train_denoiser(job: DenoiserJob) -> TrainSummary:
    """Trains a denoiser on noisy pictures, without clean ones; see `run_training`."""
    return run_training(job)


def run_training(job: TrainJob, encoder: Encoder | None = None) -> TrainSummary:
    """Runs a training through the pipeline: as task runs within a flow run, elsewhere as plain calls.

    Args:
        encoder: a text encoder to use instead of the one that the job names.

    Raises:
        BadInput: the data cannot be used, `out` holds another training, a checkpoint to start from does not fit, or
            losses or weights become NaN or infinite; the last good checkpoint stays.
        StorageError: storage failed on the way; running the same job again resumes.
    """
    training = Training(job, encoder)
    with training.folder():
        for stage in PIPELINE:
            training = called(stage)(training)
    return training.summary()
