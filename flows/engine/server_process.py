"""The process of the private Prefect server: `python -P -m flows.engine.server_process FILE_DESCRIPTOR`.

It serves Prefect's API on a listening socket that it inherits, to requests made to that address and by no web page but
its own, until its standard input ends: then it stores what it has received and stops.
"""

import contextlib
import gc
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from flows.engine import prefect_internals

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def own_requests_alone(application: Application, address: str) -> Application:
    """The application for requests to `address` ("127.0.0.1:4200") alone; others are answered with 403.

    A web page that got its own name resolved to this machine shows by the Host, any other one by the Origin.
    """
    origin = f"http://{address}".encode()

    async def guarded(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            headers = dict(scope["headers"])
            if headers.get(b"host") != address.encode() or headers.get(b"origin", origin) != origin:
                return await _refuse(scope["type"], send)
        return await application(scope, receive, send)

    return guarded


async def _refuse(kind: str, send: Send) -> None:
    if kind == "websocket":
        return await send({"type": "websocket.close", "code": 1008})  # before it is accepted: a 403
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    return await send({"type": "http.response.body", "body": b"Requests to this address from here alone.\n"})


def serve(listener: socket.socket) -> None:
    """Serve until standard input ends and the work is done."""
    running: list[uvicorn.Server] = []
    threading.Thread(target=_stop_when_orphaned, args=[running], daemon=True).start()
    gc.disable()  # a fifth of the time of Prefect's imports
    host, port = listener.getsockname()
    try:
        prefect_internals.seed_database(prefect_internals.database_url())
    except (OSError, ValueError, RuntimeError):
        traceback.print_exc()  # into the log; Prefect makes the database itself, or says why it cannot
    application = own_requests_alone(prefect_internals.server_app(), f"{host}:{port}")
    gc.enable()
    gc.freeze()
    running.append(
        uvicorn.Server(uvicorn.Config(application, log_level="warning", access_log=False, timeout_graceful_shutdown=5))
    )
    running[0].run(sockets=[listener])


def _stop_when_orphaned(running: list[uvicorn.Server]) -> None:
    """Stop the server when nobody holds the other end of standard input any more and all that came is stored."""
    sys.stdin.buffer.read()
    if not running:
        os._exit(0)  # still importing: nobody is left to serve
    used, end = time.process_time(), time.monotonic() + 60
    while time.monotonic() < end:
        # States received but not stored yet show as processor time only: idle it uses 1 %, busy it gets more than
        # twice that even where twenty processes share a core.
        time.sleep(0.5)
        before, used = used, time.process_time()
        if used - before < 0.012:
            break
    running[0].should_exit = True


if __name__ == "__main__":
    os.umask(0o077)  # what Prefect writes is its user's alone
    with contextlib.suppress(KeyboardInterrupt):
        serve(socket.socket(fileno=int(sys.argv[1])))
