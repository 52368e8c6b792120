import sys

import pytest

from flows.lanes.ray_cluster import connected, places
from tasks.runfolder.errors import BadInput


def node(name: str, alive: bool = True, **resources: float) -> dict[str, object]:
    return {"NodeID": name * 56, "Alive": alive, "Resources": resources}


def lanes_of(*nodes: dict[str, object], on_gpu: bool) -> list[tuple[str, int, int]]:
    """Node, cores and GPUs of each lane."""
    return [
        (place["scheduling_strategy"].node_id[0], place["num_cpus"], place["num_gpus"])
        for place in places(nodes, on_gpu)
    ]


def test_a_lane_for_every_gpu_with_its_share_of_the_cores() -> None:
    cluster = (node("a", CPU=4.0), node("b", CPU=16.0, GPU=2.0), node("c", CPU=2.0, GPU=4.0), node("d", False, GPU=1.0))
    assert lanes_of(*cluster, on_gpu=True) == [("b", 8, 1)] * 2 + [("c", 0, 1)] * 4


def test_a_lane_for_every_machine_that_has_cores_to_give() -> None:
    cluster = (node("a"), node("b", CPU=16.0, GPU=2.0), node("c", CPU=2.0), node("d", False, CPU=8.0))
    assert lanes_of(*cluster, on_gpu=False) == [("b", 16, 0), ("c", 2, 0)]


def test_a_cluster_without_what_the_job_needs_is_named() -> None:
    with pytest.raises(BadInput, match="no machine of the cluster has a GPU"):
        places([node("a", CPU=4.0)], True)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r"pip install 'imagemill\[ray\]'"), connected():
        pass


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_cluster_that_does_not_answer_is_named(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"{scheme}127.0.0.1:9")
    with pytest.raises(BadInput, match=rf"no cluster .* at {scheme}127.0.0.1:9 \(.*refused\); check RAY_ADDRESS"):  # noqa: SIM117
        with connected():
            pass
