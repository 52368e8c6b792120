"""What only shows is sent to the Prefect server from a thread of its own.

Work never waits for it nor fails by it. While the server is away the newest of each name is kept, and sent once it
answers again.
"""

import atexit
import threading
import time
from collections.abc import Callable
from functools import cache

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.logging import get_logger

Send = Callable[[SyncPrefectClient], object]

PAUSE = 2.0  # seconds between two attempts at a server that is away
LAST_CHANCE = 30.0  # seconds that a process waits at its end for what is not sent yet


class Outbox:
    """Sends in the order of `put`, one at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, Send] = {}
        self._sending = False
        threading.Thread(target=self._run, name="outbox", daemon=True).start()

    def put(self, name: str, send: Send) -> None:
        """Have `send` called with a client, in place of an earlier one of this name that still waits."""
        with self._changed:
            self._waiting[name] = send
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until all is sent, at most so long; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._sending, seconds)

    def _run(self) -> None:
        with get_client(sync_client=True) as client:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting)
                    name = next(iter(self._waiting))
                    send = self._waiting.pop(name)
                    self._sending = True
                away = _is_away(send, client)
                with self._changed:
                    self._sending = False
                    if away:
                        self._waiting = {name: send} | self._waiting
                    self._changed.notify_all()
                if away:
                    time.sleep(PAUSE)


def _is_away(send: Send, client: SyncPrefectClient) -> bool:
    """Sends; whether the server is away, so that it must be tried again. What it refuses is logged and let go."""
    try:
        send(client)
    except httpx.TransportError:
        return True
    except Exception as error:
        get_logger("imagemill").warning("The Prefect server did not take what a run shows: %s", error)
    return False


@cache
def outbox() -> Outbox:
    """The one of this process."""
    made = Outbox()
    atexit.register(made.flush, LAST_CHANCE)
    return made
