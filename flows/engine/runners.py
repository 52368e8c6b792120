"""Where the stages run: threads of this process, Ray or Dask.

A cluster is the one that `RAY_ADDRESS` or `DASK_SCHEDULER_ADDRESS` names (imagemill is installed on its machines, and
`PREFECT_API_URL` names a server that they reach), else one on this machine for as long as the run lasts: a process for
every core, or, for Dask with a GPU, for every GPU.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.jobs.render import RunOptions
from models.messages import one_line
from tasks.runfolder.errors import BadInput

ADDRESS = {"ray": "RAY_ADDRESS", "dask": "DASK_SCHEDULER_ADDRESS"}


@contextmanager
def started(job: RunOptions, stages: int) -> Iterator[TaskRunner[Any]]:
    """The task runner of a job with this many stages, started.

    Raises:
        BadInput: its package is not installed, it cannot use the device, or its cluster cannot be reached or started.
    """
    with ExitStack() as stack:
        runner = task_runner(job, stages)
        try:
            stack.enter_context(runner)
            if job.runner == "dask":
                runner.client  # type: ignore[attr-defined]  # noqa: B018 - connects now, not with the first task
        except Exception as error:
            where = f"at {address}" if (address := os.environ.get(ADDRESS[job.runner])) else "on this machine"
            raise BadInput(
                f"--runner {job.runner}: no cluster could be reached or started {where} ({one_line(error)}); "
                f"check {ADDRESS[job.runner]}, or drop the option to use threads."
            ) from error
        yield runner


def task_runner(job: RunOptions, stages: int) -> TaskRunner[Any]:
    """The Prefect task runner of a job, not started yet."""
    if job.runner == "threads":
        # A stage that waits for the one before it holds its thread, so there is one for every stage in flight.
        return ThreadPoolTaskRunner(max_workers=stages * job.window)
    if ":" in job.device:
        raise BadInput(f"--runner {job.runner} chooses among the GPUs itself; give --device cuda, not {job.device}.")
    try:
        return _ray() if job.runner == "ray" else _dask(job)
    except ImportError as error:
        raise BadInput(
            f"--runner {job.runner} needs a package that is not installed; pip install 'imagemill[{job.runner}]'."
        ) from error


def on_gpu(job: RunOptions, uses_device: bool) -> AbstractContextManager[Any]:
    """Tasks in this context ask the cluster for a GPU if `uses_device` and the job runs on GPUs, else for a core."""
    if not uses_device or job.device != "cuda" or job.runner == "threads":
        return nullcontext()
    if job.runner == "ray":
        from prefect_ray.context import remote_options

        # Unless told otherwise, Ray ends a process after one call with a GPU: the models would load for every shard.
        return remote_options(num_gpus=1, max_calls=0)
    import dask

    return dask.annotate(resources={"GPU": 1})


def _ray() -> TaskRunner[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_agent_register_timeout_ms", "60000")  # its 15 s are too few on a busy machine
    os.environ.setdefault("RAY_worker_niceness", "0")  # its 15 would put the work behind everything else on the machine
    from prefect_ray import RayTaskRunner

    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.CRITICAL}
    return RayTaskRunner(init_kwargs=quiet)


def _dask(job: RunOptions) -> TaskRunner[Any]:
    import dask.config
    from prefect_dask import DaskTaskRunner

    address = dask.config.get("scheduler-address", None)
    if address is not None:
        return DaskTaskRunner(address=address)
    workers = _dask_workers(job.device)
    return DaskTaskRunner(cluster_class=lambda: _local_dask(workers))


def _dask_workers(device: str) -> list[dict[str, Any]]:
    """The options of a local cluster's workers: one a core, or one a GPU with its share of the cores."""
    from dask.system import CPU_COUNT

    if device != "cuda":
        return [{"nthreads": 1}] * CPU_COUNT
    import torch

    gpus = torch.cuda.device_count()
    if not gpus:
        raise BadInput("--device cuda: there is no GPU on this machine; leave the option out.")
    one = {"nthreads": max(2, CPU_COUNT // gpus), "resources": {"GPU": 1}}
    return [{**one, "env": {"CUDA_VISIBLE_DEVICES": str(gpu)}} for gpu in range(gpus)]


def _local_dask(workers: list[dict[str, Any]]) -> Any:
    from distributed import Nanny, Scheduler, SpecCluster

    quiet = {"host": "127.0.0.1", "dashboard": False}
    # No memory limit, at which a worker would be killed: the window bounds memory.
    options = {**quiet, "memory_limit": 0, "silence_logs": logging.CRITICAL}
    return SpecCluster(
        workers={number: {"cls": Nanny, "options": {**options, **worker}} for number, worker in enumerate(workers)},
        scheduler={"cls": Scheduler, "options": quiet},
        silence_logs=logging.CRITICAL,
    )
