"""Where the stages run: threads of this process, Ray or Dask.

A cluster is the one that `RAY_ADDRESS` or `DASK_SCHEDULER_ADDRESS` names (imagemill is installed on its machines, and
`PREFECT_API_URL` names a server that they reach), else one on this machine for as long as the run lasts: a process for
every core, or, for Dask with a GPU, for every GPU.
"""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.options import RenderJob
from tasks.errors import BadInput

STAGES = 6


def task_runner(job: RenderJob) -> TaskRunner[Any]:
    """The Prefect task runner of a job.

    Raises:
        BadInput: the runner's package is not installed, or the device is not the cluster's to choose.
    """
    if job.runner == "threads":
        # A stage that waits for the one before it holds its thread, so there is one for every stage in flight.
        return ThreadPoolTaskRunner(max_workers=STAGES * job.window)
    if ":" in job.device:
        raise BadInput(f"--runner {job.runner} chooses among the GPUs itself; give --device cuda, not {job.device}.")
    try:
        return _ray() if job.runner == "ray" else _dask(job)
    except ImportError as error:
        raise BadInput(
            f"--runner {job.runner} needs a package that is not installed; pip install 'imagemill[{job.runner}]'."
        ) from error


def on_gpu(job: RenderJob) -> AbstractContextManager[Any]:
    """What is submitted within asks the cluster for a GPU, if the models run on one, and else for a core."""
    if job.device != "cuda" or job.runner == "threads":
        return nullcontext()
    if job.runner == "ray":
        from prefect_ray.context import remote_options

        # Unless told otherwise, Ray ends a process after one call with a GPU: the models would load for every shard.
        return remote_options(num_gpus=1, max_calls=0)
    import dask

    return dask.annotate(resources={"GPU": 1})


def _ray() -> TaskRunner[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from prefect_ray import RayTaskRunner

    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.CRITICAL}
    return RayTaskRunner(init_kwargs=quiet)


def _dask(job: RenderJob) -> TaskRunner[Any]:
    import dask.config
    from prefect_dask import DaskTaskRunner

    address = dask.config.get("scheduler-address", None)
    if address is not None:
        return DaskTaskRunner(address=address)
    return DaskTaskRunner(cluster_class=lambda: _local_dask(job.device))


def _local_dask(device: str) -> Any:
    from dask.system import CPU_COUNT
    from distributed import Nanny, Scheduler, SpecCluster

    workers: list[dict[str, Any]] = [{"nthreads": 1}] * CPU_COUNT
    if device == "cuda":
        import torch

        gpus = torch.cuda.device_count()
        one = {"nthreads": max(2, CPU_COUNT // gpus), "resources": {"GPU": 1}}
        workers = [{**one, "env": {"CUDA_VISIBLE_DEVICES": str(gpu)}} for gpu in range(gpus)]
    quiet = {"dashboard": False, "silence_logs": logging.CRITICAL}
    # No limit of memory, at which a worker would be killed: the window keeps it small.
    options = {"host": "127.0.0.1", "memory_limit": 0, **quiet}
    return SpecCluster(
        workers={number: {"cls": Nanny, "options": {**options, **worker}} for number, worker in enumerate(workers)},
        scheduler={"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard": False}},
        silence_logs=logging.CRITICAL,
    )
