"""Calls the stages of flows that don't work in shards."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task
from prefect.context import FlowRunContext

P = ParamSpec("P")
R = TypeVar("R")


def called(stage: Task[P, R]) -> Callable[P, R]:
    """The stage as a task run within a flow run; elsewhere, in tests and benchmarks, as the plain function."""
    return stage if FlowRunContext.get() else stage.fn
