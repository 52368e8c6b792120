import pytest
import torch

from flows.jobs.render import RenderJob
from flows.lanes.lane_process import _portable
from flows.lanes.process_lanes import devices_of
from tasks.runfolder.errors import BadInput, DeviceFault
from tasks.runfolder.storage import StorageError


@pytest.mark.parametrize(
    ("device", "lanes", "gpus", "expected"),
    [
        ("cpu", None, 0, ["cpu"]),
        ("cpu", 2, 0, ["cpu", "cpu"]),
        ("cuda", None, 1, ["cuda:0"]),
        ("cuda", None, 3, ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda", 4, 2, ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]),
        ("cuda:1", None, 4, ["cuda:1"]),
    ],
)
def test_a_lane_for_every_gpu_unless_told_how_many(
    monkeypatch: pytest.MonkeyPatch, device: str, lanes: int | None, gpus: int, expected: list[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert devices_of(RenderJob(prompts="a.parquet", out="run", device=device, lanes=lanes)) == expected


class Strange(Exception):
    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


@pytest.mark.parametrize("error", [BadInput("a"), DeviceFault("b"), StorageError("c", passing=True), ValueError("d")])
def test_errors_come_back_as_themselves(error: Exception) -> None:
    assert _portable(error) is error


def test_an_error_that_cannot_travel_comes_back_as_what_it_says() -> None:
    assert str(_portable(Strange(1, 2))) == "Strange: 1 and 2"
