"""Prefect without a set-up: a quiet, private API server for as long as this process lives.

A flow needs a Prefect API. Prefect's own answer for a newcomer, a temporary server, takes 10-20 s with a new
PREFECT_HOME, writes to the terminal and loses task states when it stops. This one starts while the caller still
imports (its listening socket exists at once, so early requests simply wait), seeds a new database from a stored schema
instead of running a hundred migrations, and stops by itself once its parent is gone, however the parent ended: its
standard input then reads end-of-file. Runs land in the ordinary database of PREFECT_HOME, so that
`prefect server start` shows them afterwards. Whoever has a server configured keeps it, with all their settings.
"""

import atexit
import contextlib
import gc
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

# The terminal belongs to the command. Errors reach the user as the flow's exceptions, and Prefect's log as its file.
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_DEBUG_LEVEL": "CRITICAL",
}
_CLIENT = {
    # Unbounded by default: it would grow with the run where the server is slower. Beyond it the page misses states.
    "PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE": "5000",
    "PREFECT_LOGGING_LEVEL": "WARNING",  # two lines for each task run would cost more than they tell
}
_SERVER = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Block types are for the UI's forms. Not memoized either, or a later `prefect server start` would skip them.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",  # the raw events: half of the server's work
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    # Task states in bulk: one at a time, a run that makes 100 task states a second falls behind.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_UI_ENABLED": "false",
}
# Where Prefect reads settings besides the environment, and what shows that they may name a server.
_SETTINGS_FILES = {"prefect.toml": "", ".env": "PREFECT_", "pyproject.toml": "[tool.prefect"}

_server: subprocess.Popen[bytes] | None = None
_first_request: http.client.HTTPConnection | None = None


def configure() -> None:
    """Make Prefect ready to run flows in this process; call it before `import prefect`, it returns at once.

    Sets environment variables only where they are unset. Starts the private server unless the user has one
    configured (PREFECT_API_URL, a profile, prefect.toml, ...) or this process is itself a run of a work pool's worker,
    which is left entirely as it is. Calling it again does nothing.
    """
    global _server, _first_request  # noqa: PLW0603 - one server a process
    if "PREFECT__FLOW_RUN_ID" in os.environ or _server is not None:
        return
    if not {"PREFECT_LOGGING_LEVEL", "PREFECT_LOGGING_SETTINGS_PATH"} & os.environ.keys():
        _set_defaults(_QUIET)
    if not _user_has_server():
        _set_defaults(_CLIENT)
        _server, port = _start_server()
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        # Sent now, answered once the server is there. It makes the server build its routes too, which takes a second.
        _first_request = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        _first_request.request("GET", "/api/admin/version")
        atexit.register(_stop_server)
    if "prefect" in sys.modules:  # its settings and loggers were made from the environment as it was
        import prefect.context
        import prefect.logging.configuration

        prefect.context.refresh_global_settings_context()
        prefect.logging.configuration.setup_logging(incremental=False)


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
    from prefect.settings import get_current_settings

    # Nobody there looks for heartbeats, and a run would wait up to a second for theirs to end. No variable says "none".
    get_current_settings().flows.heartbeat_frequency = None


def _set_defaults(defaults: dict[str, str]) -> None:
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _home() -> Path:
    return Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()


def _log_path() -> Path:
    return _home() / "imagemill-server.log"


def _user_has_server() -> bool:
    """Whether the user points Prefect at a server. The files are read by Prefect itself, but only if there are any:
    it must be imported for that, before our server can start."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or _home() / "profiles.toml")
    marks = {profiles: "PREFECT_", **{Path(name): mark for name, mark in _SETTINGS_FILES.items()}}
    if not any(path.is_file() and mark in path.read_text(errors="replace") for path, mark in marks.items()):
        return False
    from prefect.settings import get_current_settings

    return get_current_settings().api.url is not None


def _start_server() -> tuple[subprocess.Popen[bytes], int]:
    """The server's process, and the port that it will listen at."""
    _home().mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener, _log_path().open("ab") as log:
        if log.tell() > 1_000_000:
            log.truncate(0)
        server = subprocess.Popen(
            [sys.executable, "-P", __file__, str(listener.fileno())],
            env={**_SERVER, **os.environ},
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the command, which still has states to report to the server
        )
        return server, listener.getsockname()[1]


def _stop_server() -> None:
    """Let the server go, and give it a moment to store the last states. Prefect has sent them by now: it drains its
    queues when the threads end, which is before `atexit`."""
    if _server is not None and _server.stdin is not None:
        with contextlib.suppress(OSError, KeyboardInterrupt, subprocess.TimeoutExpired):
            _server.stdin.close()
            _server.wait(timeout=10)


def _seed_database(url: str) -> None:
    """Make a new SQLite database from the schema stored for this version of Prefect, if there is one; Prefect then
    finds no migrations to run. The file appears complete or not at all, so that two first starts cannot clash."""
    import sqlite3

    import prefect

    schema = Path(__file__).with_name(f"prefect-{prefect.__version__}.sql")
    _, scheme, name = url.partition("sqlite+aiosqlite:///")
    if not scheme or ":memory:" in name or "?" in name or Path(name).exists() or not schema.is_file():
        return
    new = Path(f"{name}.{os.getpid()}")
    with contextlib.closing(sqlite3.connect(new)) as database:
        database.executescript(schema.read_text(encoding="utf-8"))
    with contextlib.suppress(FileExistsError):
        os.link(new, name)
    new.unlink()


def _serve(file_descriptor: int) -> None:
    """The server process: Prefect's API on the inherited socket until standard input ends and the work is done."""
    import uvicorn

    running: list[uvicorn.Server] = []

    def stop_when_orphaned() -> None:
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

    threading.Thread(target=stop_when_orphaned, daemon=True).start()
    gc.disable()  # a fifth of the time of Prefect's imports
    from prefect.server.api.server import create_app
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

    _seed_database(PREFECT_API_DATABASE_CONNECTION_URL.value() or "")
    app = create_app(ephemeral=True, final=True)
    gc.enable()
    gc.freeze()
    running.append(
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5))
    )
    running[0].run(sockets=[socket.socket(fileno=file_descriptor)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
