"""Prefect without a set-up: a quiet, private API server for as long as this process lives.

A flow needs a Prefect API. Prefect's own answer for a newcomer, a temporary server, takes 10-20 s with a new
PREFECT_HOME, writes to the terminal and loses task states when it stops. This one starts while the caller still
imports (its listening socket exists at once, so early requests simply wait), copies a database that is made already
instead of running a hundred migrations, and stops by itself once its parent is gone, however the parent ended: its
standard input then reads end-of-file. It listens on this machine alone, wants a password made for it, and its files are
their user's alone. Runs land in the ordinary database of PREFECT_HOME, so that `prefect server start` shows them
afterwards. Whoever has a server configured keeps it, with all their settings.
"""

import atexit
import base64
import contextlib
import http.client
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

from flows.engine import prefect_internals

_server: subprocess.Popen[bytes] | None = None
_first_request: http.client.HTTPConnection | None = None


def configure() -> None:
    """Make Prefect ready to run flows in this process; call it before `import prefect`, it returns at once.

    Sets environment variables only where they are unset. Starts the private server unless the user has one
    configured (PREFECT_API_URL, a profile, prefect.toml, ...) or this process is itself a run of a work pool's worker,
    which is left entirely as it is. Calling it again does nothing.
    """
    global _server, _first_request  # noqa: PLW0603 - one server a process
    if prefect_internals.is_run_of_a_worker() or _server is not None:
        return
    if not {"PREFECT_LOGGING_LEVEL", "PREFECT_LOGGING_SETTINGS_PATH"} & os.environ.keys():
        _set_defaults(prefect_internals.QUIET)
    if not prefect_internals.user_has_server():
        _set_defaults(prefect_internals.CLIENT_OF_PRIVATE_SERVER)
        password = f"imagemill:{secrets.token_urlsafe(32)}"
        _server, port = _start_server(password)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        os.environ["PREFECT_API_AUTH_STRING"] = password  # for processes of the run, too: those of Ray, of Dask
        _first_request = _ask(port, password)
        atexit.register(_stop_server)
    prefect_internals.reload_settings()


def wait_for_server() -> None:
    """Return when the private server answers; nothing to wait for when the user's own one is used.

    Raises RuntimeError, saying where its log is, when it has died or does not answer within five minutes.
    """
    global _first_request  # noqa: PLW0603
    if _first_request is None:
        return
    import fastapi.encoders  # noqa: F401 - Prefect does at its first flow run; here it costs no time

    try:
        with contextlib.closing(_first_request) as request:
            ready = request.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        ready = False
    if not ready:
        raise RuntimeError(
            f"The local Prefect server did not start; {_log_path()} says why. "
            "Mend that, or set PREFECT_API_URL to a server of your own."
        )
    _first_request = None
    prefect_internals.send_no_heartbeats()  # nobody there looks for them


def _set_defaults(defaults: dict[str, str]) -> None:
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _log_path() -> Path:
    return prefect_internals.home() / "imagemill-server.log"


def _start_server(password: str) -> tuple[subprocess.Popen[bytes], int]:
    """The server's process, and the port that it will listen at."""
    _make_private(prefect_internals.home())
    with socket.create_server(("127.0.0.1", 0)) as listener, _log_path().open("ab") as log:
        if log.tell() > 1_000_000:
            log.truncate(0)
        port = listener.getsockname()[1]
        access = {
            "PREFECT_API_AUTH_STRING": password,
            "PREFECT_SERVER_API_AUTH_STRING": password,
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
        }
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.engine.server_process", str(listener.fileno())],
            env={**prefect_internals.PRIVATE_SERVER, **os.environ, **access},
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the command, which still has states to report to the server
        )
        return server, port


def _make_private(home: Path) -> None:
    """PREFECT_HOME, for its user alone: the database holds secrets, and the key to them."""
    home.mkdir(parents=True, exist_ok=True)
    if home.stat().st_uid == os.getuid():
        home.chmod(0o700)


def _ask(port: int, password: str) -> http.client.HTTPConnection:
    """A request sent now, answered once the server is there. It makes the server build its routes too, which takes a
    second."""
    request = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    credentials = base64.b64encode(password.encode()).decode()
    request.request("GET", "/api/admin/version", headers={"Authorization": f"Basic {credentials}"})
    return request


def _stop_server() -> None:
    """Let the server go, and give it a moment to store the last states. Prefect has sent them by now: it drains its
    queues when the threads end, which is before `atexit`."""
    if _server is not None and _server.stdin is not None:
        with contextlib.suppress(OSError, KeyboardInterrupt, subprocess.TimeoutExpired):
            _server.stdin.close()
            _server.wait(timeout=10)
