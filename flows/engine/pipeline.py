"""A pipeline is a list of stages; every shard goes through those that the run enables, in the list's order.

A stage is a plain function of the run's setting, the pending shard and the shard's state, and returns the state (the
last stage: the shard's `Outcome`). Here it becomes a Prefect task, with one task run per stage and shard. Results stay
in memory (no cache, no persistence): the run folder is the checkpoint.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, Protocol

from prefect import allow_failure, task
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.engine.pending import PendingShard
from flows.engine.runners import on_gpu
from flows.engine.task_options import IN_MEMORY, RETRIED
from flows.jobs.render import RunOptions


class Setting(Protocol):
    """What every shard of a run has in common. A plain class: Prefect would walk through the fields of a model."""

    @property
    def job(self) -> RunOptions: ...


def always(setting: Any) -> bool:
    return True


@dataclass(frozen=True)
class Stage:
    """One step of a pipeline.

    It waits for the stage before it; where models take turns on the device, also for those that hold another model.
    """

    name: str
    run: Callable[[Any, PendingShard[Any], Any], Any]
    on: Literal["cpu", "device"] = "cpu"
    """`device`: it uses the device, through `in_device_thread`; a cluster gives it a GPU if the job asks for one."""
    holds: str | None = None
    """The model that must be in the device's memory."""
    stored: bool = False
    """It reads or writes storage: a transient failure that outlasts the client's own retries repeats the stage."""
    when: Callable[[Any], bool] = always
    """Whether a run with this setting includes the stage."""
    times: tuple[str, ...] = ()
    """Names under which it records its seconds; by default its own."""


def timed_names(pipeline: Sequence[Stage]) -> list[str]:
    """The names of all timings that the stages record, in the pipeline's order."""
    return list(dict.fromkeys(name for stage in pipeline for name in stage.times or (stage.name,)))


@task(**IN_MEMORY)
def run_stage(
    stage: Stage, setting: Setting, shard: PendingShard[Any], states: list[Any], after: Sequence[Any] = ()
) -> Any:
    """Runs a stage on a shard.

    Args:
        states: the shard's state, none yet for the first stage. A list of one: in a list Prefect waits for a future and
            records it as an input as usual, but does not first ask the server for its state, which costs a request
            (40 ms of CPU) per task run.
        after: futures that must have finished before this starts.
    """
    return stage.run(setting, shard, states[0] if states else None)


class Submitter:
    """Sends shards through the stages that a run wants, on a task runner.

    Args:
        in_turns: the models don't fit the device's memory together, so those of a window of shards take turns: all
            shards go through the stages up to the first that holds another model, then through the next such phase.
    """

    def __init__(self, stages: Sequence[Stage], setting: Setting, runner: TaskRunner[Any], in_turns: bool) -> None:
        self._phases = _phases(stages) if in_turns else [stages]
        self._setting = setting
        self._runner = runner
        self._in_turns = in_turns
        self._holding: list[PrefectFuture[Any]] = []  # the last phase's stages that hold a model

    def submit(self, shards: Sequence[PendingShard[Any]]) -> list[list[PrefectFuture[Any]]]:
        """A future for every stage of every shard; the last one's result is the shard's `Outcome`."""
        chains: list[list[PrefectFuture[Any]]] = [[] for _ in shards]
        for phase in self._phases:
            before, self._holding = self._holding, []
            for shard, futures in zip(shards, chains, strict=True):
                for stage in phase:
                    waits = self._in_turns and stage.holds is not None
                    futures.append(self._submit(stage, shard, futures[-1:], before if waits else ()))
                    if waits:
                        self._holding.append(futures[-1])
        return chains

    def _submit(
        self,
        stage: Stage,
        shard: PendingShard[Any],
        states: list[PrefectFuture[Any]],
        after: Sequence[PrefectFuture[Any]],
    ) -> PrefectFuture[Any]:
        finished = [allow_failure(future) for future in after]  # a failure is reported by its own stage
        parameters = {"stage": stage, "setting": self._setting, "shard": shard, "states": states, "after": finished}
        retries = RETRIED if stage.stored else {}
        named = run_stage.with_options(name=stage.name, task_run_name=f"{stage.name} {shard.name}", **retries)
        with on_gpu(self._setting.job, stage.on == "device"):
            return self._runner.submit(named, parameters)


def _phases(stages: Sequence[Stage]) -> list[list[Stage]]:
    """Splits the stages into runs that hold the same model; a stage that holds none stays with the one before it."""
    held: list[str | None] = []
    for stage in stages:
        held.append(stage.holds or (held[-1] if held else None))
    first = next((model for model in held if model is not None), None)
    keyed = zip([model or first for model in held], stages, strict=True)
    return [[stage for _, stage in group] for _, group in groupby(keyed, key=lambda pair: pair[0])]
