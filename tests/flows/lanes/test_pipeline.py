from types import SimpleNamespace
from typing import Any

import pytest

from flows import render, reprocess
from flows.jobs.render import RenderJob
from flows.lanes.pending import PendingShard
from flows.lanes.pipeline import Stage, call, timed_names
from tasks.prompts.shards import Shard
from tasks.runfolder.storage import StorageError
from tests.integration.test_deployment import ROOT

SHARD = PendingShard(Shard(0, 0, 4))


@pytest.mark.parametrize("flow", [render, reprocess])
def test_every_stage_has_a_name_of_its_own_and_says_what_it_does(flow: Any) -> None:
    assert len({stage.name for stage in flow.PIPELINE}) == len(flow.PIPELINE)
    assert all(stage.run.__doc__ for stage in flow.PIPELINE)


def test_seconds_are_shown_in_the_order_of_the_pipeline() -> None:
    assert timed_names(reprocess.PIPELINE) == ["read", "decode", "look", "enhance", "write"]


def test_the_readme_tells_the_same_stages() -> None:
    told = " -> ".join(stage.name for stage in render.PIPELINE)
    assert told in (ROOT / "README.md").read_text()


def test_only_a_stage_that_meets_storage_is_tried_again() -> None:
    tries: list[str] = []

    def stage(setting: Any, shard: Any, state: Any) -> str:
        """Meets a store that fails once."""
        tries.append(shard.name)
        if len(tries) == 1:
            raise StorageError("busy", passing=True)
        return "done"

    setting = SimpleNamespace(job=RenderJob(prompts="a.parquet", out="run", store_patience="9s"))
    assert call(Stage("read", stage, stored=True), setting, SHARD, None) == "done"
    tries.clear()
    with pytest.raises(StorageError, match="busy"):
        call(Stage("read", stage), setting, SHARD, None)
