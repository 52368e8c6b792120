import gc
import itertools
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from prefect.context import FlowRunContext

from flows.engine import local_server
from flows.engine.prefect_internals import forget_results
from flows.engine.task_runs import call_as_task, take_in_spans
from flows.jobs.render import RenderJob
from flows.lanes.lane import Lane
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage
from tasks.prompts.shards import Shard
from tasks.runfolder.storage import StorageError


class State:
    """What a stage returns."""


def make(setting: Any, shard: Any, state: Any) -> State:
    return State()


def keep(setting: Any, shard: Any, state: State) -> State:
    return state


STAGES = [Stage("read", make), Stage("generate", keep), Stage("write", make)]
SHARDS = 12
SETTING = SimpleNamespace(job=RenderJob(prompts="a.parquet", out="run"))


@pytest.fixture(scope="module", autouse=True)
def own_server() -> None:
    local_server.configure()
    local_server.wait_for_server()


@flow(persist_result=False)
def some_shards() -> tuple[Any, int]:
    """The flow run's id, and how many results Prefect still keeps after the last shard."""
    context = FlowRunContext.get()
    assert context is not None and context.flow_run is not None
    pending = (PendingShard(Shard(index, 0, 4)) for index in range(SHARDS))
    for _ in Lane(STAGES, SETTING, call_as_task).run(pending):
        pass
    assert len(context.run_results) > 6, "Prefect keeps none any more: forget_results can go"
    deadline = time.monotonic() + 60
    while len(context.run_results) > 6 and time.monotonic() < deadline:
        gc.collect()  # Prefect holds results in reference cycles, and until its events are sent
        forget_results()
        time.sleep(0.2)
    return context.flow_run.id, len(context.run_results)


def task_runs(flow_run: UUID, count: int) -> dict[str, TaskRun]:
    """The task runs of a flow run by name, once so many are complete."""
    found: dict[str, TaskRun] = {}
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    deadline = time.monotonic() + 60
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            found = {run.name: run for run in client.read_task_runs(flow_run_filter=chosen)}
            if len(found) >= count and all(run.state_name == "Completed" for run in found.values()):
                break
            time.sleep(0.5)
    return found


def test_each_stage_of_each_shard_is_a_task_run_with_an_arrow_from_the_one_before() -> None:
    id, left = some_shards()
    assert left <= 6, "results that no longer exist are kept"
    found = task_runs(id, 3 * SHARDS)
    assert sorted(found) == sorted(f"{stage.name} {index:05d}" for stage in STAGES for index in range(SHARDS))
    for index in range(SHARDS):
        for before, stage in itertools.pairwise(STAGES):
            inputs = found[f"{stage.name} {index:05d}"].task_inputs["state"]
            assert found[f"{before.name} {index:05d}"].id in {getattr(each, "id", None) for each in inputs}


def test_a_stage_that_meets_storage_is_tried_again() -> None:
    tries = []

    def read(setting: Any, shard: Any, state: Any) -> int:
        tries.append(shard.name)
        if len(tries) < 2:
            raise StorageError("busy", passing=True)
        return len(tries)

    @flow(persist_result=False)
    def one_stage(stored: bool) -> Any:
        return call_as_task(Stage("read", read, stored=stored), SETTING, PendingShard(Shard(0, 0, 4)), None)

    assert one_stage(stored=True) == 2
    tries.clear()
    with pytest.raises(StorageError, match="busy"):
        one_stage(stored=False)


def test_many_shards_are_shown_as_spans_and_all_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.engine.task_runs.MOST", 4)
    taken: list[Any] = []

    @flow(persist_result=False)
    def spans(shards: int, outcomes: int) -> Any:
        context = FlowRunContext.get()
        assert context is not None and context.flow_run is not None
        take_in_spans(iter(range(outcomes)), shards, taken.append)  # type: ignore[arg-type]
        return context.flow_run.id

    names = task_runs(spans(10, 10), 4)
    assert set(names) == {"shards 1 to 3 of 10", "shards 4 to 6 of 10", "shards 7 to 9 of 10", "shard 10 of 10"}
    assert taken == list(range(10))
    spans(0, 0)  # of a run that is complete already
    assert taken == list(range(10))
