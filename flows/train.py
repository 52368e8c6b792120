"""`imagemill train vae|autoencoder|gan|flow DATASET --out CKPT`: trains a model on a captioned data set.

    imagemill dataset emoji --out data/emoji
    imagemill train autoencoder data/emoji --out out/autoencoder
    imagemill train flow data/emoji --out out/flow --autoencoder out/autoencoder

The same command again carries on from the last state, and ends with the weights of an undisturbed run.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow

from flows.engine.artifacts import TrainingPage
from flows.engine.progress import Progress
from flows.jobs.render import check_device
from flows.jobs.train import AutoencoderJob, FlowJob, GanJob, LatentJob, PainterJob, TrainJob, TrainSummary, VaeJob
from models.device import multiplies_bfloat16
from models.text.text_encoder import load_text_encoder
from tasks.loading.models import resolve
from tasks.runfolder.errors import BadInput
from tasks.training.data.augment import Augmentation, reworded
from tasks.training.data.captioned import Captioned, Refused, read_captioned
from tasks.training.data.feature_cache import Encoder, FeatureCache, cached_features
from tasks.training.model_card import model_card
from tasks.training.output_folder import STATE, claim
from tasks.training.trainer import Family, Loop, Schedule


@flow(name="train-vae")
def train_vae(job: VaeJob) -> TrainSummary:
    """Trains a structured VAE; see `run_training`."""
    return run_training(job, _encoder(job), TrainingPage(job.out))


@flow(name="train-autoencoder")
def train_autoencoder(job: AutoencoderJob) -> TrainSummary:
    """Trains an autoencoder and its text head; see `run_training`."""
    return run_training(job, _encoder(job), TrainingPage(job.out))


@flow(name="train-gan")
def train_gan(job: GanJob) -> TrainSummary:
    """Trains a GAN; see `run_training`."""
    return run_training(job, _encoder(job), TrainingPage(job.out))


@flow(name="train-flow")
def train_flow(job: FlowJob) -> TrainSummary:
    """Trains a latent flow; see `run_training`."""
    return run_training(job, _encoder(job), TrainingPage(job.out))


def _encoder(job: TrainJob) -> Encoder:
    try:
        return load_text_encoder(resolve(job.encoder))
    except ValueError as error:
        raise BadInput(str(error)) from None


def run_training(job: TrainJob, encoder: Encoder, page: TrainingPage | None = None) -> TrainSummary:
    """Reads the data set, encodes its captions once, trains, and writes the checkpoint to `job.out`.

    `page` shows how it goes on. Raises BadInput when the data set cannot be used, `out` holds another training, a
    checkpoint to begin with does not fit, or the loss stops being a number; the last good checkpoint stays.
    """
    data = read_captioned(job.dataset)
    with claim(job.out, job, {"dataset", "out", "every", "cache", "device"}, data.digest()):
        return _run(job, data, encoder, page)


def _run(job: TrainJob, data: Captioned, encoder: Encoder, page: TrainingPage | None) -> TrainSummary:
    if isinstance(job, LatentJob):
        family, device = _latent_family(job, data, encoder), job.device
    else:
        assert isinstance(job, VaeJob)
        family, device = _vae_family(job, data, encoder), "cpu"
    _list(job.out / "refused.csv", data.refused)
    loop = Loop(family, _schedule(job, device))
    if (job.out / STATE).exists():
        loop.resume(job.out / STATE)
    _train(job, loop, data, page)
    figures = family.figures(loop.model)
    family.save(loop.model, job.out, loop.done, _card(job, loop, data, figures))
    if page is not None:
        page.figures(figures, loop.done)
    return TrainSummary(out=job.out, steps=loop.done, refused=len(data.refused), figures=figures)


def _vae_family(job: VaeJob, data: Captioned, encoder: Encoder) -> Family[Any]:
    from tasks.training.families import vae

    features = _features(job, [row["caption"] for row in data.rows], encoder)
    model = vae.build_model(data, features, encoder, job.encoder, job.seed)
    if job.start is not None:
        vae.begin(model, Path(resolve(job.start)), encoder)
    return vae.VaeFamily(model, data, features, vae.Shown(job.captions, job.pictures, job.sprites), job.seed)


def _latent_family(job: LatentJob, data: Captioned, encoder: Encoder) -> Family[Any]:
    from tasks.training.data import picture_cache
    from tasks.training.families import autoencoder, gan, latent_base

    if isinstance(job, FlowJob):
        try:
            from tasks.training.families import rectified_flow as latent_flow
        except ValueError as error:  # diffusers is not installed
            raise BadInput(str(error)) from None
    check_device(job.device)
    wanted = latent_base.Wanted(encoder, job.encoder, job.width, job.layers, job.seed, _folder(job.start))
    source = None  # the autoencoder whose codec a new model paints for
    if job.start is not None:
        config = wanted.start_config(job.family)
        size = config.size
        for name in job.model_fields_set & {"width", "layers", "size"}:
            if getattr(job, name) != getattr(config, name):
                raise BadInput(f"--{name}: {job.start} has {getattr(config, name)}, and --from keeps it; leave it out.")
    elif isinstance(job, AutoencoderJob):
        size = job.size
    else:
        assert isinstance(job, PainterJob)
        source = latent_base.load_autoencoder(job.family, _folder(job.autoencoder))
        size = source.config.size
    captions = [row["caption"] for row in data.rows]
    wordings = [_features(job, captions, encoder)]
    wordings += [_features(job, [reworded(c, n) for c in captions], encoder) for n in range(job.wordings)]
    with Progress(len(captions), 0, lambda share: None, "reading pictures", "pictures") as progress:
        pictures, broken = picture_cache.small_pictures(
            _cache(job), data, size, lambda n: progress.advance(n - progress.done)
        )
    varied = Augmentation(job.mirror, job.crop, job.colour, job.drop)
    shown = picture_cache.Small(data, pictures, wordings, *picture_cache.split(data, broken), varied)
    if isinstance(job, AutoencoderJob):
        return autoencoder.build(wanted, shown, job.batch, job.device, job.pictures)
    if isinstance(job, GanJob):
        return gan.build(wanted, shown, job.batch, job.device, source)
    assert isinstance(job, FlowJob)
    return latent_flow.build(wanted, shown, job.batch, job.device, source, job.lora)


def _folder(place: str | None) -> Path | None:
    return None if place is None else Path(resolve(place))


def _schedule(job: TrainJob, device: str) -> Schedule:
    # The GAN's gradient penalty is a second derivative, which bfloat16 is too coarse for.
    bf16 = job.precision == "bf16" or (job.precision == "auto" and job.family != "gan" and multiplies_bfloat16(device))
    return Schedule(job.steps, job.rate, job.seed, job.average, bf16)


def _features(job: TrainJob, texts: list[str], encoder: Encoder) -> FeatureCache:
    with Progress(len(texts), 0, lambda share: None, "encoding captions", "captions") as progress:
        return cached_features(_cache(job), texts, encoder, lambda n: progress.advance(n - progress.done))


def _cache(job: TrainJob) -> Path:
    return job.cache or job.out / "cache"


def _train(job: TrainJob, loop: Loop, data: Captioned, page: TrainingPage | None) -> None:
    def share(done: float) -> None:
        if page is not None:
            page.share(done)

    with Progress(job.steps, loop.done, share, "training", "steps") as progress:
        while loop.done < job.steps:
            losses = loop.step()
            progress.advance(1, " ".join(f"{name} {loss:.3f}" for name, loss in losses.items()))
            if loop.done % job.every and loop.done < job.steps:
                continue
            loop.keep(job.out, _card(job, loop, data, {}))
            with (job.out / "losses.csv").open("a", encoding="utf-8") as log:
                log.write(",".join([str(loop.done), *(f"{n}={v:.5f}" for n, v in losses.items())]) + "\n")
            grid = job.out / "samples" / f"{loop.done:06d}.png"
            loop.family.sample(loop.model, grid)
            if page is not None:
                page.grid(grid, loop.done)


def _list(path: Path, refused: Sequence[Refused]) -> None:
    """Writes which rows were left out, and why."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "row", "reason"])
        writer.writerows([each.file, each.row, each.reason] for each in refused)


def _card(job: TrainJob, loop: Loop, data: Captioned, figures: dict[str, float]) -> str:
    said = job.model_dump(exclude_defaults=True, exclude={"dataset", "out", "cache", "every"}, mode="json")
    named = {"from" if name == "start" else name: value for name, value in said.items()}
    options = [f"--{name}" if value is True else f"--{name} {Path(str(value)).name}" for name, value in named.items()]
    name = job.dataset.rstrip("/").rpartition("/")[2]
    command = " ".join(["imagemill train", job.family, name, *options])
    return model_card(job.family, command, loop.done, data, job.encoder, figures)
