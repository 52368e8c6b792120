"""Each touch of Prefect's inside, at the installed version; `make test-prefect-versions` goes to both ends."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.base import PrefectHttpxSyncClient
from prefect.context import FlowRunContext
from prefect.settings import get_current_settings

from flows.engine import local_server, prefect_internals

LIMIT = 400  # seconds; processes that import Prefect take long on a busy machine


@pytest.fixture(scope="module")
def own_server() -> None:
    local_server.configure()
    local_server.wait_for_server()


@task(cache_policy=NO_CACHE, persist_result=False)
def double(numbers: list[int]) -> list[int]:
    return [2 * number for number in numbers]


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


def test_forgotten_results_are_gone_and_futures_still_have_them(own_server: None) -> None:
    @flow(persist_result=False)
    def doubling() -> tuple[int, int, list[int]]:
        futures = [double.submit([number]) for number in range(5)]
        results = [future.result() for future in futures]
        context = FlowRunContext.get()
        assert context is not None
        before = len(context.run_results)
        prefect_internals.forget_results()
        assert [future.result() for future in futures] == results
        return before, len(context.run_results), results[4]

    kept, left, last = doubling()
    assert kept >= 5, "Prefect keeps none any more: forget_results can go"
    assert left <= 5, left
    assert last == [8]


def test_a_future_in_a_list_is_waited_for_without_a_request_a_bare_one_costs_one(
    own_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why `run_stage` takes the shard's state in a list."""
    asked: list[str] = []
    send = PrefectHttpxSyncClient.send

    def counted(client: PrefectHttpxSyncClient, request: httpx.Request, *given: Any, **named: Any) -> httpx.Response:
        asked.append(request.url.path)
        return send(client, request, *given, **named)

    monkeypatch.setattr(PrefectHttpxSyncClient, "send", counted)

    @task(cache_policy=NO_CACHE, persist_result=False)
    def last(numbers: list[Any]) -> Any:
        return numbers[-1]

    @flow(persist_result=False)
    def chain(bare: bool) -> Any:
        first = double.submit([1, 2])
        return last.submit(first if bare else [first]).result()  # type: ignore[arg-type]

    assert chain(bare=False) == [2, 4]
    assert [path for path in asked if "/task_runs/" in path] == []
    assert chain(bare=True) == 4
    assert [path for path in asked if "/task_runs/" in path] != [], "a bare future costs nothing any more"


def test_no_heartbeats_is_what_the_flow_engine_reads(own_server: None) -> None:
    from prefect.flow_engine import FlowRunEngine

    assert get_current_settings().flows.heartbeat_frequency is None
    assert FlowRunEngine(flow=flow(lambda: None, name="still")).heartbeat_seconds is None
