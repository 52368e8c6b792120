"""A pipeline is a list of stages; every shard goes through those that the run enables, in the list's order.

A stage is a plain function of the run's setting, the pending shard and the shard's state, and returns the state (the
last stage: the shard's `Outcome`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from flows.jobs.render import RunOptions
from flows.lanes.patience import outlasting
from flows.lanes.pending import PendingShard


class Setting(Protocol):
    """What every shard of a run has in common. A plain class: Prefect would walk through the fields of a model."""

    @property
    def job(self) -> RunOptions: ...


def always(setting: Any) -> bool:
    return True


@dataclass(frozen=True)
class Stage:
    """One step of a pipeline."""

    name: str
    run: Callable[[Any, PendingShard[Any], Any], Any]
    holds: str | None = None
    """The model that must be in the device's memory; where models take turns, stages with another one wait."""
    stored: bool = False
    """It reads or writes storage: a failure that may pass repeats the stage, as long as the run's patience lasts."""
    in_parts: bool = False
    """It takes one part of the shard, and comes again for the next while the state has `more`."""
    when: Callable[[Any], bool] = always
    """Whether a run with this setting includes the stage."""
    times: tuple[str, ...] = ()
    """Names under which it records its seconds; by default its own."""


Call = Callable[[Stage, Any, PendingShard[Any], Any], Any]
"""Runs a stage with a setting on a shard and its state (None before the first stage)."""


def timed_names(pipeline: Sequence[Stage]) -> list[str]:
    """The names of all timings that the stages record, in the pipeline's order."""
    return list(dict.fromkeys(name for stage in pipeline for name in stage.times or (stage.name,)))


def call(stage: Stage, setting: Setting, shard: PendingShard[Any], state: Any) -> Any:
    """Runs a stage as a plain function."""
    run = partial(stage.run, setting, shard, state)
    return outlasting(run, setting.job.patience) if stage.stored else run()
