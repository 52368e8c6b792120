import sys

import dask
import pytest
import torch
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_ray.context import RemoteOptionsContext

from flows.engine import runners
from flows.jobs.render import RenderJob
from tasks.runfolder.errors import BadInput


def job(**options: object) -> RenderJob:
    return RenderJob(prompts="a.parquet", out="run", **options)


def test_every_stage_in_flight_has_a_thread() -> None:
    runner = runners.task_runner(job(window=4), 7)
    assert isinstance(runner, ThreadPoolTaskRunner)
    assert runner._max_workers == 4 * 7


@pytest.mark.parametrize("name", ["ray", "dask"])
def test_a_runner_that_is_not_installed_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"prefect_{name}", None)
    with pytest.raises(BadInput, match=rf"pip install 'imagemill\[{name}\]'"):
        runners.task_runner(job(runner=name), 7)


@pytest.mark.parametrize("name", ["ray", "dask"])
def test_one_gpu_cannot_be_picked_on_a_cluster(name: str) -> None:
    with pytest.raises(BadInput, match="give --device cuda, not cuda:1"):
        runners.task_runner(job(runner=name, device="cuda:1"), 7)


def test_models_ask_ray_for_a_gpu_and_stay_loaded() -> None:
    with runners.on_gpu(job(runner="ray", device="cuda"), True):
        assert RemoteOptionsContext.get().current_remote_options == {"num_gpus": 1, "max_calls": 0}
    with runners.on_gpu(job(runner="ray"), True):
        assert RemoteOptionsContext.get().current_remote_options == {}


def test_models_ask_dask_for_a_gpu() -> None:
    with runners.on_gpu(job(runner="dask", device="cuda"), True):
        assert dask.get_annotations() == {"resources": {"GPU": 1}}
    with runners.on_gpu(job(runner="dask"), True):
        assert dask.get_annotations() == {}


def test_a_local_dask_cluster_has_a_worker_for_every_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    workers = runners._dask_workers("cuda")
    assert [worker["env"] for worker in workers] == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]
    assert all(worker["resources"] == {"GPU": 1} for worker in workers)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(BadInput, match="no GPU on this machine"):
        runners._dask_workers("cuda")


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:9")
    with (
        dask.config.set({"scheduler-address": "tcp://127.0.0.1:9", "distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(
            BadInput,
            match=r"no cluster could be reached or started at tcp://127.0.0.1:9 .* check DASK_SCHEDULER_ADDRESS",
        ),
        runners.started(job(runner="dask"), 7),
    ):
        pass
