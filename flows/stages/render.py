"""The stages as Prefect tasks: one task run a shard and stage, named after both.

Results stay in memory (no cache, no persistence): the run folder is the checkpoint. Models are loaded once a process
and used by one thread of it, whichever thread a task runs in.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import State
from torch import Tensor

from flows.jobs.render import RenderJob
from flows.plans.render import Plan
from tasks.loading import models as load
from tasks.loading.feature_store import kept_features
from tasks.loading.oom_batching import BatchLimit
from tasks.prompts.shards import Shard
from tasks.render import encode, enhance, explain, generate, read, write
from tasks.render.shard_state import Work
from tasks.runfolder.commit import Outcome
from tasks.runfolder.storage import Storage, StorageError
from tasks.text import preprocess

Result = TypeVar("Result")
Made = list[Result]
"""What the stage before made, as a stage's parameter: a list of one. In a list Prefect waits for a future and notes it
as an input all the same, but does not ask the server for its state first: a request (40 ms of processor) a task run."""

QUICK: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


def _passing(task: Any, run: Any, state: State[Any]) -> bool:
    """Whether a failure may mend itself; a full disk or a damaged file won't in half a minute."""
    try:
        state.result()
    except StorageError as error:
        return error.passing
    except Exception:
        return False
    return False


# Reading, writing and kept features meet the network: what the store's client could not mend is tried again as a whole.
STORED: dict[str, Any] = {**QUICK, "retries": 3, "retry_delay_seconds": [1, 5, 20], "retry_condition_fn": _passing}


class Setting:
    """What every shard of a run has in common. A plain class: Prefect would walk through the fields of a model."""

    def __init__(self, job: RenderJob, plan: Plan, batch_size: int) -> None:
        self.job = job
        self.found = plan.found
        self.size = plan.size
        self.encoder = plan.encoder
        self.knobs = dict(plan.knobs)
        self.batch_size = batch_size
        self.split = plan.split
        self.made_by = plan.made_by

    @property
    def storage(self) -> Storage:
        return Storage(self.job.out)


@cache
def _device_thread(device: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=f"models on {device}")


def in_device_thread(device: str, function: Callable[[], Result]) -> Result:
    """Runs `function` in the one thread of this process that uses the device.

    One thread, not one lock: each thread that calls into torch would get a pool of CPU threads of its own.
    """
    return _device_thread(device).submit(function).result()


def _on_device(setting: Setting, work: Work, stage: str, function: Callable[[str], None]) -> Work:
    """Runs `function` of the device, timed, in the device's thread; returns the work."""

    def run() -> None:
        with work.timed(stage):
            function(setting.job.device)

    in_device_thread(setting.job.device, run)
    return work


@cache
def batch_limit(device: str, model: str, batch_size: int, width: int, height: int) -> BatchLimit:
    """What fits of pictures of a size: remembered for as long as the process lives."""
    return BatchLimit(batch_size)


@task(name="read", task_run_name="read {shard.name}", **STORED)
def read_shard(setting: Setting, shard: Shard, only: frozenset[int] | None) -> Work:
    """Reads a shard; with `only`, just those of its rows."""
    started = time.perf_counter()
    work = read.read(setting.found, shard, setting.job, setting.size, setting.knobs)
    work.seconds["read"] = time.perf_counter() - started
    if only is not None:
        work.keep(only)
    return work


@task(name="preprocess", task_run_name="preprocess {shard.name}", **QUICK)
def preprocess_shard(setting: Setting, shard: Shard, made: Made[Work]) -> Work:
    (work,) = made
    with work.timed("preprocess"):
        texts = preprocess.preprocess([prompt.text for prompt in work.prompts], setting.job)
        rejected = {}
        for prompt, prepared in zip(work.prompts, texts, strict=True):
            if isinstance(prepared, preprocess.Rejected):
                rejected[prompt] = prepared.reason
            else:
                prompt.prepared = prepared
        work.fail("preprocess", rejected)
    return work


@task(name="encode", task_run_name="encode {shard.name}", **STORED)
def encode_shard(setting: Setting, shard: Shard, made: Made[Work]) -> Work:
    (work,) = made
    assert setting.encoder is not None
    reference, job = setting.encoder, setting.job
    encoder = load.text_encoder(reference, job.device, job.acceleration)
    kept = kept_features(job.keep_features, encoder)
    new: dict[str, dict[str, Tensor]] = {}

    def run(device: str) -> None:
        if setting.split:
            load.release(load.generator(job.generator, device, job.acceleration))
        new.update(encode.encode(work, encoder, kept))

    _on_device(setting, work, "encode", run)
    if kept is not None:
        kept.write(new)
    return work


@task(name="generate", task_run_name="generate {shard.name}", **QUICK)
def generate_shard(setting: Setting, shard: Shard, made: Made[Work]) -> Work:
    (work,) = made
    job = setting.job

    def run(device: str) -> None:
        if setting.split and setting.encoder is not None:
            load.release(load.text_encoder(setting.encoder, device, job.acceleration))
        limit = partial(batch_limit, device, job.generator, setting.batch_size)
        generate.generate(work, load.generator(job.generator, device, job.acceleration), limit)

    return _on_device(setting, work, "generate", run)


@task(name="explain", task_run_name="explain {shard.name}", **QUICK)
def explain_shard(setting: Setting, shard: Shard, made: Made[Work]) -> Work:
    (work,) = made
    assert setting.encoder is not None
    job = setting.job
    encoder = load.text_encoder(setting.encoder, job.device, job.acceleration)

    def run(device: str) -> None:
        limit = partial(batch_limit, device, job.generator, setting.batch_size)
        generator = load.generator(job.generator, device, job.acceleration)
        explain.explain(work, encoder, generator, limit, setting.split)

    return _on_device(setting, work, "explain", run)


@task(name="enhance", task_run_name="enhance {shard.name}", **QUICK)
def enhance_shard(setting: Setting, shard: Shard, made: Made[Work]) -> Work:
    (work,) = made
    return _on_device(setting, work, "enhance", lambda device: enhance.enhance_work(work, setting.job))


@task(name="write", task_run_name="write {shard.name}", **STORED)
def write_shard(setting: Setting, shard: Shard, made: Made[Work], attempt: int) -> Outcome:
    (work,) = made
    outcome = write.write(work, setting.storage, setting.job, setting.made_by, attempt, setting.job.explain)
    work.release()
    return outcome
