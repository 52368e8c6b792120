"""What the Prefect page shows of the work: a task run for each stage and shard.

Results stay in memory (no cache, no persistence): the run folder is the checkpoint.
"""

from typing import Any

from prefect import task

from flows.engine.pending import PendingShard
from flows.engine.pipeline import Setting, Stage
from flows.engine.task_options import IN_MEMORY, RETRIED


@task(**IN_MEMORY)
def run_stage(stage: Stage, setting: Setting, shard: PendingShard[Any], state: Any) -> Any:
    """Runs a stage on a shard. Prefect knows the state as the result of the stage before, and draws the arrow."""
    return stage.run(setting, shard, state)


def call_as_task(stage: Stage, setting: Setting, shard: PendingShard[Any], state: Any) -> Any:
    """Runs a stage as a task run of the flow run that this is called in."""
    retries = RETRIED if stage.stored else {}
    named = run_stage.with_options(name=stage.name, task_run_name=f"{stage.name} {shard.name}", **retries)
    return named(stage, setting, shard, state)
