"""Each touch of Prefect's inside, at the installed version; `make test-prefect-versions` goes to both ends."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from prefect import flow
from prefect.settings import get_current_settings

from flows.engine import local_server, prefect_internals

LIMIT = 400  # seconds; processes that import Prefect take long on a busy machine


@pytest.fixture(scope="module")
def own_server() -> None:
    local_server.configure()
    local_server.wait_for_server()


def schema(database: Path) -> list[str]:
    """Its statements' lines, sorted: migrations write a table's constraints in no fixed order."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return sorted(line.strip(" \t,") for line in "\n".join(connection.iterdump()).splitlines())


def seed(database: Path) -> None:
    prefect_internals.seed_database(f"sqlite+aiosqlite:///{database}")


@pytest.mark.slow
def test_template_has_the_schema_that_prefects_own_migrations_make(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path), "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, env=environment, check=True, timeout=LIMIT, capture_output=True)
    assert schema(prefect_internals.database_template()) == schema(tmp_path / "prefect.db")


def test_two_first_starts_at_once_make_one_template_and_two_whole_databases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path / "cache"))
    body = "import sys; from flows.engine import prefect_internals; prefect_internals.seed_database(sys.argv[1])"
    databases = [tmp_path / f"{number}.db" for number in range(2)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    started = [
        subprocess.Popen([sys.executable, "-c", body, f"sqlite+aiosqlite:///{database}"], env=environment)
        for database in databases
    ]
    assert [process.wait(LIMIT) for process in started] == [0, 0]
    folders = [folder for folder in (tmp_path / "cache").iterdir() if folder.is_dir()]
    assert [[file.name for file in folder.iterdir()] for folder in folders] == [["prefect.db"]]
    assert schema(databases[0]) == schema(databases[1]) == schema(folders[0] / "prefect.db")
    assert "flow_run" in "".join(schema(databases[0]))


def test_a_database_is_its_users_alone_and_one_that_is_there_stays(tmp_path: Path) -> None:
    database = tmp_path / "prefect.db"
    seed(database)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    database.write_bytes(b"mine")
    seed(database)
    assert database.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [database]


@pytest.mark.parametrize("url", ["postgresql+asyncpg://me@db/prefect", "sqlite+aiosqlite:///file::memory:?uri=true"])
def test_other_databases_are_left_to_prefect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    prefect_internals.seed_database(url)
    assert not list(tmp_path.iterdir())


def test_a_prefect_that_cannot_migrate_is_told_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMILL_CACHE", str(tmp_path))
    monkeypatch.setattr(prefect_internals, "_MIGRATE", "raise SystemExit('no such migration')")
    with pytest.raises(RuntimeError, match="could not make a database:\nno such migration"):
        prefect_internals.database_template()


def test_database_url_is_the_one_of_the_settings(tmp_path: Path) -> None:
    assert prefect_internals.database_url() == f"sqlite+aiosqlite:///{os.environ['PREFECT_HOME']}/prefect.db"


def test_no_heartbeats_is_what_the_flow_engine_reads(own_server: None) -> None:
    from prefect.flow_engine import FlowRunEngine

    assert get_current_settings().flows.heartbeat_frequency is None
    assert FlowRunEngine(flow=flow(lambda: None, name="still")).heartbeat_seconds is None
