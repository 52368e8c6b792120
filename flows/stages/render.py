"""The stages of `render`: plain functions of the run's setting, the pending shard and the shard's state.

Models are loaded once per process and used by one of its threads, whichever thread a stage runs in. That thread never
waits for pictures: they arrive in the host's memory while it goes on with another shard.
"""

import time
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial

from torch import Tensor

from flows.jobs.render import RenderJob
from flows.lanes.named_threads import in_device_thread, in_filter_thread
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage
from flows.plans.render import Plan
from models.device import beside
from models.fixed_batches import BatchLimit
from models.protocols import Generator, TextEncoder
from tasks.enhance.chain import growth, parse_chain
from tasks.loading.feature_store import kept_features
from tasks.loading.models import load_encoder, load_generator
from tasks.prompts.shards import Shard
from tasks.render.encode import Gathering, find_cuts
from tasks.render.enhance import enhance_work
from tasks.render.explain import explain
from tasks.render.faults import shards_with_faults
from tasks.render.generate import generate
from tasks.render.preprocess import preprocess_work
from tasks.render.rank import load_reward, load_reward_encoder, rank
from tasks.render.read import read
from tasks.render.shard_state import RenderShard
from tasks.render.suspects import acquit, blaming, note_sound, suspect
from tasks.render.transfer import Arrivals, Send, arrive
from tasks.render.write import begin_encoding, complete, store
from tasks.runfolder.commit import Outcome
from tasks.runfolder.storage import Storage


class Setting:
    """What every shard of a run has in common. A plain class: Prefect would walk through the fields of a model."""

    def __init__(self, job: RenderJob, plan: Plan, batch_size: int, pipeline: Sequence[Stage]) -> None:
        self.job = job
        self.input = plan.input
        self.size = plan.size
        self.reads_text = plan.reads_text
        self.reads_words = plan.reads_words
        self.generation_params = dict(plan.generation_params)
        self.batch_size = batch_size
        self.split = plan.split
        self.provenance = plan.provenance
        self.growth = growth(parse_chain(job.enhance))
        self.references = plan.references
        self.last = [stage.name for stage in pipeline if stage.when(self)][-2]
        """The stage before `write`, after which nothing is done to pixels."""

    def load_generator(self) -> Generator:
        return load_generator(self.job.generator, self.job.device, self.job.acceleration, self.job.panorama)

    def load_encoder(self) -> TextEncoder:
        """The text encoder; only for stages that run if the generator reads text."""
        encoder = load_encoder(self.load_generator(), self.job.device, self.job.encoder)
        assert encoder is not None
        return encoder

    @cached_property
    def shards_with_faults(self) -> frozenset[str]:
        """Shards that a device has failed in, before this process began with the run."""
        return shards_with_faults(Storage(self.job.out))

    @property
    def current_batch_size(self) -> int:
        """Pictures in a batch of the usual size, by now."""
        return self.batch_limit(*self.size).size

    def batch_limit(self, width: int, height: int) -> BatchLimit:
        return batch_limit(self.job.device, self.job.generator, self.batch_size, width, height)


@cache
def batch_limit(device: str, model: str, batch_size: int, width: int, height: int) -> BatchLimit:
    """The batch size that fits for pictures of a size, remembered for the life of the process."""
    return BatchLimit(batch_size)


def read_shard(setting: Setting, pending: PendingShard[Shard], nothing: None) -> RenderShard:
    """Reads a shard's rows, checked, with ids and seeds."""
    started = time.perf_counter()
    work = read(setting.input, pending.shard, setting.job, setting.size, setting.generation_params, setting.references)
    work.seconds["read"] = time.perf_counter() - started
    if pending.only is not None:
        work.keep(pending.only)
    if pending.again or pending.name in setting.shards_with_faults:
        suspect(work, Storage(setting.job.out))
    return work


def preprocess_shard(setting: Setting, pending: PendingShard[Shard], work: RenderShard) -> RenderShard:
    """Segments and tags the texts."""
    with work.timed("preprocess"):
        preprocess_work(work, setting.job, setting.reads_words)
    return work


def encode_shard(setting: Setting, pending: PendingShard[Shard], work: RenderShard) -> RenderShard:
    """Maps the texts to features."""
    encoder = setting.load_encoder()
    with work.timed("encode"):
        find_cuts(work, encoder)
    store = kept_features(setting.job.keep_features, encoder)
    gathering = _gathering(setting.job.device)
    gathering.join(work)
    new: dict[str, dict[str, Tensor]] = {}

    def run() -> None:
        if setting.split:
            setting.load_generator().release()
        with work.timed("encode"), beside(setting.job.device):  # pictures are generated meanwhile
            new.update(gathering.encode(work, encoder, store))

    in_device_thread(setting.job.device, run)
    if store is not None:
        store.write(new)
    return work


@cache
def _gathering(device: str) -> Gathering:
    """One for each device, as its thread is."""
    return Gathering()


def generate_shard(setting: Setting, pending: PendingShard[Shard], work: RenderShard) -> RenderShard:
    """Generates the pictures."""
    job = setting.job

    def run(send: Send) -> None:
        if setting.split:
            setting.load_encoder().release()
        last = not (job.explain or job.enhance)
        generator, limit = setting.load_generator(), setting.batch_limit
        generate(work, generator, limit, send, last, job.batch_timeout, setting.growth, job.min_match)

    return _made(setting, work, "generate", run, partial(in_device_thread, urgency=1))


def explain_shard(setting: Setting, pending: PendingShard[Shard], work: RenderShard) -> RenderShard:
    """Finds which word made which part of each picture."""
    encoder, job = setting.load_encoder(), setting.job

    def run(send: Send) -> None:
        generator, limit = setting.load_generator(), setting.batch_limit
        explain(work, encoder, generator, limit, send, setting.split, not job.enhance, job.batch_timeout)

    return _made(setting, work, "explain", run, partial(in_device_thread, urgency=1))


def enhance_shard(setting: Setting, pending: PendingShard[Shard], work: RenderShard) -> RenderShard:
    """Applies the enhancement chain."""
    job = setting.job

    def run(send: Send) -> None:
        enhance_work(work, job, send, job.device, job.panorama)

    return _made(setting, work, "enhance", run, in_filter_thread)


def rank_shard(setting: Setting, pending: PendingShard[Shard], work: RenderShard) -> RenderShard:
    """Tells how much people would like each picture, and keeps the best."""
    job = setting.job
    assert job.reward is not None
    model = load_reward(job.reward)

    def run() -> None:
        with work.timed("rank"):
            rank(work, model, load_reward_encoder(model, job.device), job.keep_best)

    in_device_thread(job.device, run)
    return work


def _made(
    setting: Setting,
    work: RenderShard,
    stage: str,
    run: Callable[[Send], None],
    in_its_thread: Callable[..., None],
) -> RenderShard:
    """The shard once a stage has made its pictures in a device's thread.

    They are taken batch by batch as they arrive, and those that nothing else is to be done with encoded at once: after
    the last batch of a run only that batch is still to be encoded.
    """
    job, arrivals = setting.job, Arrivals()
    then = partial(begin_encoding, options=job, provenance=setting.provenance) if setting.last == stage else None

    def take() -> None:
        arrivals.wait()
        with work.timed(stage):
            arrive(work, stage, arrivals, then, job.batch_timeout)
        note_sound()

    with blaming(work, Storage(job.out)):
        in_its_thread(job.device, arrivals.sent_by(run), meanwhile=take)
    return work


def write_shard(setting: Setting, pending: PendingShard[Shard], work: RenderShard) -> RenderShard | Outcome:
    """Writes the pictures in hand, and after the last of them metadata, which marks the shard as complete."""
    job = setting.job
    storage = Storage(job.out)
    store(work, storage, job, setting.provenance, pending.attempt, job.explain)
    if work.more:
        return work
    outcome = complete(work, storage, pending.attempt, job.explain, job.reward is not None)
    acquit(work, storage)
    work.release()
    return outcome
