"""The Ray cluster that a run uses, and where on it lanes go.

It is the one that `RAY_ADDRESS` names (imagemill is installed on its machines), else one on this machine for as long as
the run lasts.
"""

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from models.messages import one_line
from tasks.runfolder.errors import BadInput

QUIET: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.CRITICAL}
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns of a default that is to change
    "RAY_agent_register_timeout_ms": "60000",  # its 15 s are too few on a busy machine
    "RAY_worker_niceness": "0",  # its 15 would put the work behind everything else on the machine
}


@contextmanager
def connected() -> Iterator[None]:
    """Connected to the cluster; where this process is connected to one already, it stays so.

    Raises:
        BadInput: Ray is not installed, or the cluster cannot be reached or started.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise BadInput("--runner ray needs a package that is not installed; pip install 'imagemill[ray]'.") from error
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address:
            _check_answers(address)
            ray.init(address, **QUIET)
        else:
            ray.init("local", object_store_memory=100 * 2**20, **QUIET)  # nothing of size goes there
    except Exception as error:
        raise BadInput(
            f"--runner ray: no cluster could be reached or started {f'at {address}' if address else 'on this machine'} "
            f"({one_line(error)}); check RAY_ADDRESS, or drop the option to use threads."
        ) from error
    ray._private.worker._worker_logs_enabled = False  # or the death of a lane is told on standard output
    try:
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raises OSError unless somebody listens at HOST:PORT. Ray tries for three minutes, and tells the terminal so."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def places(nodes: Sequence[Mapping[str, Any]], on_gpu: bool) -> list[dict[str, Any]]:
    """Ray's options for every lane: one a GPU with its share of the machine's cores, or one a machine with all of them.

    A CPU lane uses all cores it has, and a second one on the machine would load the models again for nothing.

    Args:
        nodes: as `ray.nodes()` describes them.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    found = []
    for node in nodes:
        has = node["Resources"] if node["Alive"] else {}
        cores = int(has.get("CPU", 0))
        lanes = int(has.get("GPU", 0)) if on_gpu else min(1, cores)
        if lanes:
            here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)  # elsewhere, should the machine go
            share = {"num_cpus": cores // lanes, "num_gpus": int(on_gpu), "scheduling_strategy": here}
            found += [share] * lanes
    if not found:
        raise BadInput(f"--runner ray: no machine of the cluster has a {'GPU' if on_gpu else 'processor to give'}.")
    return found
