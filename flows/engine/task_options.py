"""Prefect options of our tasks: results stay in memory, and transient storage failures are retried."""

from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.states import State

from flows.lanes.pipeline import PAUSES
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
"""For tasks that use storage: they are retried when a transient failure outlasts the client's own retries."""
