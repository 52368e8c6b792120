from types import SimpleNamespace
from typing import Any

import pytest

from flows import render, reprocess
from flows.engine.pending import PendingShard
from flows.engine.pipeline import Stage, Submitter, timed_names
from flows.jobs.render import RenderJob
from tasks.prompts.shards import Shard
from tests.integration.test_deployment import ROOT

SETTING = SimpleNamespace(job=RenderJob(prompts="a.parquet", out="run"))
SHARDS = [PendingShard(Shard(index, 0, 4)) for index in range(2)]


def nothing(setting: object, shard: object, state: object) -> object:
    return state


STAGES = [
    Stage("read", nothing),
    Stage("encode", nothing, on="device", holds="encoder"),
    Stage("generate", nothing, on="device", holds="generator"),
    Stage("enhance", nothing, on="device"),
    Stage("write", nothing),
]


class Recorder:
    """A task runner that notes in which order stages come, and what each waits for."""

    def __init__(self) -> None:
        self.waits: dict[str, list[str]] = {}

    def submit(self, task: Any, parameters: dict[str, Any]) -> str:
        ended = [annotated.unwrap() for annotated in parameters["after"]]
        self.waits[task.task_run_name] = [*parameters["states"], *ended]
        return str(task.task_run_name)


def submitted(in_turns: bool, *windows: list[PendingShard[Shard]]) -> dict[str, list[str]]:
    recorder = Recorder()
    submitter = Submitter(STAGES, SETTING, recorder, in_turns)  # type: ignore[arg-type]
    for window in windows:
        submitter.submit(window)
    return recorder.waits


def test_each_stage_waits_for_the_one_before_it() -> None:
    assert submitted(False, SHARDS[:1], SHARDS[1:]) == {
        f"{stage.name} {shard.name}": [f"{before.name} {shard.name}"] if before else []
        for shard in SHARDS
        for before, stage in zip([None, *STAGES], STAGES, strict=False)
    }


def test_models_that_do_not_fit_together_take_turns_over_a_window() -> None:
    waits = submitted(True, SHARDS, [PendingShard(Shard(2, 0, 4))])
    assert list(waits)[:4] == ["read 00000", "encode 00000", "read 00001", "encode 00001"]
    assert waits["encode 00000"] == ["read 00000"]
    assert waits["generate 00000"] == ["encode 00000", "encode 00000", "encode 00001"]
    assert waits["enhance 00001"] == ["generate 00001"]
    assert waits["encode 00002"] == ["read 00002", "generate 00000", "generate 00001"]


def test_stages_that_meet_storage_are_tried_again() -> None:
    tasks: list[Any] = []
    runner = SimpleNamespace(submit=lambda task, parameters: tasks.append(task))
    stages = [Stage("read", nothing, stored=True), Stage("preprocess", nothing)]
    Submitter(stages, SETTING, runner, False).submit(SHARDS[:1])  # type: ignore[arg-type]
    assert [(task.name, task.retries, task.persist_result) for task in tasks] == [
        ("read", 3, False),
        ("preprocess", 0, False),
    ]


@pytest.mark.parametrize("pipeline", [render.PIPELINE, reprocess.PIPELINE])
def test_every_stage_has_a_name_of_its_own_and_says_what_it_does(pipeline: tuple[Stage, ...]) -> None:
    assert len({stage.name for stage in pipeline}) == len(pipeline)
    assert all(stage.run.__doc__ for stage in pipeline)


def test_seconds_are_shown_in_the_order_of_the_pipeline() -> None:
    assert timed_names(reprocess.PIPELINE) == ["read", "decode", "look", "enhance", "write"]


def test_the_readme_tells_the_same_stages() -> None:
    told = " -> ".join(stage.name for stage in render.PIPELINE)
    assert told in (ROOT / "README.md").read_text()
