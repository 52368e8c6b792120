"""What the Prefect page shows of the work: a task run for each stage and shard, or for each of many spans of shards.

Results stay in memory (no cache, no persistence): the run folder is the checkpoint.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from prefect import task

from flows.engine.task_options import IN_MEMORY
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Setting, Stage, call
from tasks.runfolder.commit import Outcome
from tasks.runfolder.shard_state import ShardState

MOST = 2000  # task runs of a job: a server takes 30 to 90 a second, and keeps some kilobytes of each


@task(**IN_MEMORY)
def run_stage(stage: Stage, setting: Setting, shard: PendingShard[Any], state: Any) -> Any:
    """Runs a stage on a shard. Prefect knows the state as the result of the stage before, and draws the arrow."""
    return call(stage, setting, shard, state)


def call_as_task(stage: Stage, setting: Setting, shard: PendingShard[Any], state: Any) -> Any:
    """Runs a stage as a task run of the flow run that this is called in; only for the first part of a shard."""
    if isinstance(state, ShardState) and state.parts:
        return call(stage, setting, shard, state)
    named = run_stage.with_options(name=stage.name, task_run_name=f"{stage.name} {shard.name}")
    return named(stage, setting, shard, state)


def take_in_spans(outcomes: Iterator[Outcome], shards: int, take: Callable[[Outcome], None]) -> None:
    """Takes the outcomes as they come, a task run for each span of shards; lanes go on from one to the next.

    Args:
        shards: how many there are at most.
    """
    size = max(1, -(-shards // MOST))
    for start in range(0, shards, size):
        stop = min(start + size, shards)
        name = f"shards {start + 1:,} to {stop:,}" if stop - start > 1 else f"shard {stop:,}"
        if not _take_span.with_options(task_run_name=f"{name} of {shards:,}")(outcomes, stop - start, take):
            break


@task(name="span of shards", **IN_MEMORY)
def _take_span(outcomes: Iterator[Outcome], count: int, take: Callable[[Outcome], None]) -> bool:
    """Takes so many outcomes; whether there were as many."""
    taken = 0
    for outcome in islice(outcomes, count):
        take(outcome)
        taken += 1
    return taken == count
