import math
from datetime import date

import pytest
import torch
from pydantic import ValidationError

from flows.jobs.render import RenderJob, RenderRunOptions, allowed_failures
from tasks.runfolder.errors import BadInput


def job(**options: object) -> RenderJob:
    return RenderJob(prompts="a.parquet", out="run", **options)


@pytest.mark.parametrize(("value", "allowed"), [(None, math.inf), ("0", 0), ("20", 20), ("5%", 50), ("0.5%", 5)])
def test_failures_are_allowed_by_count_or_share(value: str | None, allowed: float) -> None:
    assert allowed_failures(value, 1000) == allowed


@pytest.mark.parametrize("value", ["many", "-1", "101%", "", "%", "nan"])
def test_other_allowances_are_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="give a count such as 20"):
        job(max_failures=value)


@pytest.mark.parametrize("value", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_partition_is_k_of_n(value: str) -> None:
    with pytest.raises(ValidationError, match="give k/n"):
        job(partition=value)


def test_how_the_work_is_done_is_not_what_is_made() -> None:
    other = {"window": 9, "batch_size": 1, "runner": "ray", "partition": "1/2", "max_failures": "1"}
    assert job(**other).shaping() == job().shaping()
    assert job(seed=1).shaping() != job().shaping()
    assert job(enhance="contrast:1.1").shaping() != job().shaping()
    assert not RenderRunOptions.model_fields.keys() & job().shaping().keys()


def test_retry_without_resume_is_refused() -> None:
    with pytest.raises(BadInput, match="drop either"):
        job(retry_quarantined=True, resume=False).checked()


@pytest.mark.parametrize("device", ["cuda:99", "gpu", ""])
def test_a_device_that_is_not_there_is_refused_where_models_run_here(device: str) -> None:
    with pytest.raises(BadInput, match=f"--device {device}: torch finds no such device here"):
        job(device=device).checked()
    assert job(device=device, runner="ray").checked().device == device


def test_the_day_stands_in_the_paths_of_a_scheduled_job() -> None:
    dated = RenderJob(prompts="s3://b/{date}.parquet", out="runs/{date}-parts").dated(date(2026, 3, 9))
    assert (dated.prompts, dated.out) == ("s3://b/2026-03-09.parquet", "runs/2026-03-09-parts")


def test_the_title_names_the_input_the_output_and_the_part() -> None:
    assert RenderJob(prompts="s3://b/in/a.parquet", out="s3://b/run").title == "a.parquet to s3://b/run"
    assert job(partition="2/3").title == "a.parquet to run, part 2/3"


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
    assert job(device=device, lanes=lanes).devices == expected


def test_a_worker_that_joins_has_one_lane() -> None:
    with pytest.raises(BadInput, match="--join claims shards for one lane, and this would be 2"):
        job(join=True, lanes=2).checked()
