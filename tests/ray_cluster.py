"""A Ray cluster of somebody else's, with GPUs in name alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from flows.lanes.ray_cluster import SETTINGS, connected


@contextmanager
def cluster_with_gpus(count: int) -> Iterator[Path]:
    """RAY_ADDRESS names it meanwhile. Gives the folder of all that it writes."""
    with mock.patch.dict(os.environ, {**SETTINGS, **os.environ}):
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 2, "num_gpus": count, "object_store_memory": 100 * 2**20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        os.environ["RAY_ADDRESS"] = cluster.address
        try:
            yield Path(cluster.head_node.get_session_dir_path())
        finally:
            cluster.shutdown()


def stored_bytes() -> int:
    """What has gone through the cluster's object store since its start."""
    import ray
    from ray._private.internal_api import node_stats

    with connected():
        head = ray.nodes()[0]
    stats = node_stats(head["NodeManagerAddress"], head["NodeManagerPort"], include_memory_info=False)
    return int(stats.store_stats.cumulative_created_bytes)
