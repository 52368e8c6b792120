"""Where the stages run: threads of this process, Ray or Dask."""

from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.options import RenderJob
from tasks.errors import BadInput

STAGES = 6


def task_runner(job: RenderJob) -> TaskRunner[Any]:
    """The Prefect task runner of a job.

    Ray and Dask use the cluster that `RAY_ADDRESS` or `DASK_SCHEDULER_ADDRESS` names, else a local one.

    Raises:
        BadInput: the runner's package is not installed.
    """
    try:
        if job.runner == "ray":
            from prefect_ray import RayTaskRunner

            return RayTaskRunner()
        if job.runner == "dask":
            from prefect_dask import DaskTaskRunner

            return DaskTaskRunner()
    except ImportError as error:
        raise BadInput(
            f"--runner {job.runner} needs a package that is not installed; pip install 'imagemill[{job.runner}]'."
        ) from error
    # A stage that waits for the one before it holds its thread, so there is one for every stage in flight.
    return ThreadPoolTaskRunner(max_workers=STAGES * job.window)
