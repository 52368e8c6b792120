from types import SimpleNamespace
from typing import Any

import pytest

from flows import render, reprocess
from flows.lanes import pipeline
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


class Store:
    """A stage that meets a store that fails a number of times."""

    def __init__(self, failures: int, passing: bool = True) -> None:
        self.failures = failures
        self.passing = passing
        self.tries = 0

    def __call__(self, setting: Any, shard: Any, state: Any) -> str:
        self.tries += 1
        if self.tries <= self.failures:
            raise StorageError("busy", passing=self.passing)
        return "done"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(pipeline, "time", SimpleNamespace(sleep=slept.append))
    return slept


def test_a_stage_that_meets_storage_is_tried_again_after_longer_and_longer_pauses(impatient: list[float]) -> None:
    assert call(Stage("read", Store(3), stored=True), None, SHARD, None) == "done"  # type: ignore[arg-type]
    assert impatient == [1, 5, 20]


@pytest.mark.parametrize(
    ("store", "stored", "tries"), [(Store(4), True, 4), (Store(1, passing=False), True, 1), (Store(1), False, 1)]
)
def test_it_is_not_tried_again_for_ever_nor_for_what_does_not_pass(store: Store, stored: bool, tries: int) -> None:
    with pytest.raises(StorageError, match="busy"):
        call(Stage("read", store, stored=stored), None, SHARD, None)  # type: ignore[arg-type]
    assert store.tries == tries
