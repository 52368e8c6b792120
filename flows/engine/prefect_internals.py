"""All that reaches into Prefect beyond what it documents, and the settings that make it quick and quiet.

Only this module has to follow when Prefect moves something: its tests check each touch against the installed version,
and `make test-prefect-versions` runs them at the lowest and the newest one that pyproject.toml allows. Importing it
imports nothing of Prefect, so that the private server can be started before that takes its seconds.

    python -m flows.engine.prefect_internals    # makes the template of the database, if it is not in the cache yet
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.cache import made_once

if TYPE_CHECKING:
    from fastapi import FastAPI

# The terminal belongs to the command. Errors reach the user as the flow's exceptions, and Prefect's log as its file.
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_DEBUG_LEVEL": "CRITICAL",
}
CLIENT_OF_PRIVATE_SERVER = {
    # Unbounded by default: it would grow with the run where the server is slower. Beyond it the page misses states.
    "PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE": "5000",
    "PREFECT_LOGGING_LEVEL": "WARNING",  # two lines for each task run would cost more than they tell
}
PRIVATE_SERVER = {
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

LONGEST_PAUSE = 20  # seconds between two attempts at a server that is away

_MIGRATE = """
import asyncio
from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""


def is_run_of_a_worker() -> bool:
    """Whether this process is a run that a work pool's worker started."""
    return "PREFECT__FLOW_RUN_ID" in os.environ


def home() -> Path:
    """PREFECT_HOME, not necessarily there yet."""
    return Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()


def user_has_server() -> bool:
    """Whether the user points Prefect at a server: by the environment, a profile, prefect.toml, .env, pyproject.toml.

    Prefect itself reads the files, but only if one of them may say so: it must be imported for that.
    """
    if os.environ.get("PREFECT_API_URL"):
        return True
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home() / "profiles.toml")
    marks = {profiles: "PREFECT_", **{Path(name): mark for name, mark in _SETTINGS_FILES.items()}}
    if not any(path.is_file() and mark in path.read_text(errors="replace") for path, mark in marks.items()):
        return False
    from prefect.settings import get_current_settings

    return get_current_settings().api.url is not None


def reload_settings() -> None:
    """Take the environment as it is now, where Prefect was imported before and keeps settings and loggers of then."""
    if "prefect" not in sys.modules:
        return
    import prefect.context
    import prefect.logging.configuration

    prefect.context.refresh_global_settings_context()
    prefect.logging.configuration.setup_logging(incremental=False)


def send_no_heartbeats() -> None:
    """Flow runs of this process send none, nor wait up to a second for the sender to end. No variable says "none"."""
    from prefect.settings import get_current_settings

    get_current_settings().flows.heartbeat_frequency = None


def outlast_outages() -> None:
    """Whatever this process asks of a server that it has reached once is asked again until the server answers.

    Prefect gives up after a minute, and a run whose work is done would fail for want of telling so. Its pauses double
    without end; here they stay below half a minute. A deployment's slot (`concurrency_limit`) that the server gave
    away during an outage is noted and ends no run: the run folder's lock keeps a second one out.
    """
    from prefect.client import base
    from prefect.concurrency import _leases
    from prefect.settings import get_current_settings

    get_current_settings().client.max_retries = sys.maxsize
    if base.clamped_poisson_interval is not _short_pause:
        base.clamped_poisson_interval = _short_pause  # type: ignore[assignment]
        _leases._handle_lease_renewal_failure = partial(_note_lost_slot, _leases._handle_lease_renewal_failure)


def _short_pause(seconds: float, jitter: float) -> float:
    from prefect.utilities.math import clamped_poisson_interval

    return clamped_poisson_interval(min(seconds, LONGEST_PAUSE), jitter)


def _note_lost_slot(handle: Callable[..., None], error: BaseException, lease: Any, fatal: bool, *rest: Any) -> None:
    handle(error, lease, False, *rest)


def forget_results() -> None:
    """Drop what Prefect keeps of results that no longer exist, an entry for each: a run may be long.

    It is for drawing which task used whose result. An entry ends with a weak reference to the result, or None.
    """
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    if context is not None:
        for key, (_, _, result) in list(context.run_results.items()):
            if result is None or result() is None:
                context.run_results.pop(key, None)


def server_app() -> "FastAPI":
    """Prefect's API without its page, the only one of this process."""
    from prefect.server.api.server import create_app

    return create_app(ephemeral=True, final=True)


def database_url() -> str:
    """Where Prefect's settings say that the server keeps its data."""
    from prefect.settings import get_current_settings

    url = get_current_settings().server.database.connection_url
    return url.get_secret_value() if url is not None else ""


def seed_database(url: str) -> None:
    """Make the SQLite database of `url` as a copy of the template, if there is none; no migrations are left to run.

    The file appears complete or not at all, so that two first starts cannot clash. Only its user can read it: it
    holds secrets, and the key to them. Other databases are left to Prefect.

    Raises:
        OSError, ValueError: the database or the template cannot be written.
        RuntimeError: Prefect could not make the template.
    """
    _, scheme, name = url.partition("sqlite+aiosqlite:///")
    if not scheme or ":memory:" in name or "?" in name or Path(name).exists():
        return
    new = Path(f"{name}.{os.getpid()}")
    shutil.copyfile(database_template(), new)
    new.chmod(0o600)
    with contextlib.suppress(FileExistsError):
        os.link(new, name)
    new.unlink()


def database_template() -> Path:
    """An empty SQLite database of the installed Prefect: its migrations run once (10 s), for the cache."""
    versions = "-".join(f"{name}-{version(name)}" for name in ("prefect", "sqlalchemy"))
    return made_once(versions, _make_template) / "prefect.db"


def _make_template(folder: Path) -> None:
    """Run Prefect's migrations in a process of their own, where no settings but these are in force."""
    migrated = folder / "migrated.db"
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    settings = {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{migrated}",
        **QUIET,
    }
    command = [sys.executable, "-P", "-c", _MIGRATE]
    done = subprocess.run(command, cwd=folder, env={**ours, **settings}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Prefect {version('prefect')} could not make a database:\n{done.stderr}")
    with contextlib.closing(sqlite3.connect(migrated)) as database:  # one file, whatever journals lie beside that one
        database.execute("VACUUM INTO ?", [str(folder / "prefect.db")])
    for file in folder.iterdir():
        if file.name != "prefect.db":
            file.unlink()


if __name__ == "__main__":
    database_template()
