"""Prefect options of our tasks: results stay in memory, and those of flows without a patience are tried again."""

from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.states import State

from flows.lanes.patience import PAUSES
from tasks.runfolder.storage import StorageError

IN_MEMORY: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
"""No cache and no persistence: the run folder is the checkpoint."""


def _is_transient(task: Any, run: Any, state: State[Any]) -> bool:
    """Whether a failure may pass by itself; a full disk or a damaged file won't within half a minute."""
    try:
        state.result()
    except StorageError as error:
        return error.passing
    except Exception:
        return False
    return False


RETRIED: dict[str, Any] = {
    "retries": len(PAUSES),
    "retry_delay_seconds": list(PAUSES),
    "retry_condition_fn": _is_transient,
}
"""For tasks of training, evaluation and data sets: a transient failure may outlast the client's own retries."""
