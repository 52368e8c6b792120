"""How our tasks run under Prefect: results stay in memory, and what storage may mend by itself is tried again."""

from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.states import State

from tasks.runfolder.storage import StorageError

IN_MEMORY: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
"""No cache and no persistence: the run folder is the checkpoint."""


def _passing(task: Any, run: Any, state: State[Any]) -> bool:
    """Whether a failure may mend itself; a full disk or a damaged file won't in half a minute."""
    try:
        state.result()
    except StorageError as error:
        return error.passing
    except Exception:
        return False
    return False


RETRIED: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [1, 5, 20], "retry_condition_fn": _passing}
"""For what meets the network: what the store's client could not mend is tried again as a whole."""
