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
import threading
from pathlib import Path
from urllib.parse import urlsplit

from flows.engine import prefect_internals
from models.messages import one_line

_server: subprocess.Popen[bytes] | None = None
_first_request: http.client.HTTPConnection | None = None
_stopping = threading.Event()


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
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            _server = _start_server(listener, password)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        os.environ["PREFECT_API_AUTH_STRING"] = password  # for processes of the run, too
        _first_request = _ask(port, password)
        atexit.register(_stop_server)
    prefect_internals.reload_settings()


def is_elsewhere() -> bool:
    """Whether runs of this process are on a server other than the private one."""
    return prefect_internals.is_run_of_a_worker() or prefect_internals.user_has_server()


class NoServer(RuntimeError):
    """No Prefect server takes this run: one sentence that says why. No work has begun; exit code 1."""


def wait_for_server() -> None:
    """Return when the private server answers, or the user's own one has.

    Raises:
        NoServer: the private one has died or does not answer within five minutes, or the user's own is away or refuses
            the credentials.
    """
    global _first_request  # noqa: PLW0603
    if _first_request is None:
        if _server is None and not prefect_internals.is_run_of_a_worker():
            _ask_users_server()
        return
    import fastapi.encoders  # noqa: F401 - Prefect does at its first flow run; here it costs no time

    try:
        with contextlib.closing(_first_request) as request:
            ready = request.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        ready = False
    if not ready:
        raise NoServer(
            f"The local Prefect server did not start; {_log_path()} says why. "
            "Mend that, or set PREFECT_API_URL to a server of your own."
        )
    _first_request = None
    prefect_internals.send_no_heartbeats()  # nobody there looks for them
    threading.Thread(target=_keep_running, name="keep Prefect's server running", daemon=True).start()


def _ask_users_server() -> None:
    """Raises NoServer where the server that the user configured is away or refuses this user."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

    where = str(get_current_settings().api.url)
    shown = where.replace(f"{urlsplit(where).netloc.rpartition('@')[0]}@", "")  # without a password in it
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
            client.hello()
    except httpx.HTTPStatusError as error:
        if error.response.status_code in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN}:
            raise NoServer(
                f"The Prefect server {shown} refuses the credentials; mend PREFECT_API_AUTH_STRING or PREFECT_API_KEY."
            ) from error
        raise NoServer(
            f"{shown} answers {error.response.status_code}, not as a Prefect server does; mend PREFECT_API_URL, "
            "which ends in /api."
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoServer(
            f"The Prefect server {shown} does not answer ({one_line(error)}); start it or mend PREFECT_API_URL, "
            "or take that setting away: imagemill then starts a server of its own."
        ) from error


def outlast_outages() -> None:
    """Have a run wait for a server of the user's that is away, however long. The private one is started again."""
    if _server is None:
        prefect_internals.outlast_outages()


def _set_defaults(defaults: dict[str, str]) -> None:
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _log_path() -> Path:
    return prefect_internals.home() / "imagemill-server.log"


def _start_server(listener: socket.socket, password: str) -> subprocess.Popen[bytes]:
    """The process of a server that will answer on the listening socket."""
    _make_private(prefect_internals.home())
    access = {
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{listener.getsockname()[1]}",
    }
    with _log_path().open("ab") as log:
        if log.tell() > 1_000_000:
            log.truncate(0)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.engine.server_process", str(listener.fileno())],
            env={**prefect_internals.PRIVATE_SERVER, **os.environ, **access},
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the command, which still has states to report to the server
        )


def _keep_running() -> None:
    """Start the server again, at its port, whenever something ended it: the run would fail for want of it."""
    global _server  # noqa: PLW0603
    port, password = urlsplit(os.environ["PREFECT_API_URL"]).port, os.environ["PREFECT_API_AUTH_STRING"]
    while _server is not None:
        _server.wait()
        if _stopping.wait(1):
            return
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port or 0)) as listener:
            _server = _start_server(listener, password)


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
    _stopping.set()
    if _server is not None and _server.stdin is not None:
        with contextlib.suppress(OSError, KeyboardInterrupt, subprocess.TimeoutExpired):
            _server.stdin.close()
            _server.wait(timeout=10)
