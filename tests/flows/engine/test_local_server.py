"""Prefect without a set-up: silent, complete, out of the way, and gone afterwards."""

import contextlib
import http.server
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PRELUDE = """
import os, signal, sys, time
from flows.engine import local_server
local_server.configure()
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

@task(cache_policy=NO_CACHE, persist_result=False)
def double(number, seconds=0.0):
    time.sleep(seconds)
    return 2 * number

def run(function):
    local_server.wait_for_server()
    return flow(function, task_runner=ThreadPoolTaskRunner(max_workers=4), persist_result=False)()
"""
LIMIT = 400  # seconds; two processes that import Prefect take long on a busy machine


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One PREFECT_HOME for the runs of this module: fresh for the first, used for the others."""
    return tmp_path_factory.mktemp("home") / "prefect"


def start(body: str, home: Path, folder: Path, **environment: str) -> subprocess.Popen[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DO_NOT_TRACK"))}
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + body],
        cwd=folder,
        env={**ours, "PREFECT_HOME": str(home), "PYTHONPATH": str(Path.cwd()), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=LIMIT)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, out, err


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and only waits to be collected does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def rows(home: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(home / "prefect.db")) as database:
        return database.execute(query).fetchall()


def test_a_newcomers_first_flow_prints_only_what_it_prints_and_is_recorded_whole(home: Path, tmp_path: Path) -> None:
    body = """
def first():
    bar = create_progress_artifact(0.0, key="bar")
    get_run_logger().info("not for the terminal")
    futures = [double.submit(number) for number in range(40)]
    print(sum(future.result() for future in futures))
    update_progress_artifact(bar, progress=100.0)
run(first)
print(local_server._server.pid, file=sys.stderr)
"""
    code, out, err = finish(start(body, home, tmp_path))
    assert (code, out) == (0, "1560\n")
    assert err.strip().isdigit(), err
    assert not is_alive(int(err))
    assert rows(home, "select state_type from flow_run") == [("COMPLETED",)]
    assert rows(home, "select state_type, count(*) from task_run group by 1") == [("COMPLETED", 40)]
    assert rows(home, "select key, data from artifact") == [("bar", 100)]
    assert (home / "imagemill-server.log").read_text() == ""


def test_a_failing_flow_is_the_commands_own_exception_and_nothing_else(home: Path, tmp_path: Path) -> None:
    body = """
def failing():
    raise ValueError("no such row")
try:
    run(failing)
except ValueError as error:
    print(error, file=sys.stderr)
    sys.exit(7)
"""
    assert finish(start(body, home, tmp_path)) == (7, "", "no such row\n")


@pytest.mark.parametrize(
    ("number", "code", "state"),
    [(signal.SIGINT, 130, "CRASHED"), (signal.SIGKILL, -9, "RUNNING")],
    ids=["ctrl-c", "kill"],
)
def test_stopped_from_outside_it_is_silent_and_leaves_no_server(
    home: Path, tmp_path: Path, number: signal.Signals, code: int, state: str
) -> None:
    body = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it runs in the background without it
def endless():
    futures = [double.submit(number, 0.1) for number in range(1_000)]
    print(local_server._server.pid, flush=True)
    futures[-1].wait()
try:
    run(endless)
except KeyboardInterrupt:
    sys.exit(130)
"""
    process = start(body, home, tmp_path)
    assert process.stdout is not None
    server = int(process.stdout.readline())
    assert is_alive(server)
    os.killpg(process.pid, number)  # as a terminal does: to the whole group
    assert finish(process) == (code, "", "")
    end = time.monotonic() + LIMIT
    while is_alive(server) and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_alive(server)
    assert rows(home, "select state_type from flow_run order by created desc limit 1") == [(state,)]


def test_nobody_listens_for_heartbeats_so_a_run_sends_none(home: Path, tmp_path: Path) -> None:
    body = """
from prefect.settings import get_current_settings
def heartbeat():
    return get_current_settings().flows.heartbeat_frequency
print(run(heartbeat))
"""
    assert finish(start(body, home, tmp_path)) == (0, "None\n", "")


@pytest.mark.parametrize("where", ["environment", "logging too", "profile", "prefect.toml", "worker"])
def test_a_server_the_user_configured_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    url = "http://prefect.example/api"
    environment = {}
    if where == "environment":
        environment["PREFECT_API_URL"] = url
    elif where == "logging too":
        environment |= {"PREFECT_API_URL": url, "PREFECT_LOGGING_LEVEL": "INFO"}
    elif where == "profile":
        profile = f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{url}"\n'
        (tmp_path / "profiles.toml").write_text(profile)
    elif where == "prefect.toml":
        (tmp_path / "prefect.toml").write_text(f'[api]\nurl = "{url}"\n')
    else:
        environment |= {"PREFECT__FLOW_RUN_ID": "0", "PREFECT_API_URL": url}
    body = """
from prefect.settings import get_current_settings
settings = get_current_settings()
quiet = os.environ.get("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL")
print(settings.api.url, settings.flows.heartbeat_frequency, local_server._server, quiet)
"""
    quiet = None if where in {"worker", "logging too"} else "CRITICAL"
    assert finish(start(body, tmp_path, tmp_path, **environment)) == (0, f"{url} 180 None {quiet}\n", "")


def test_a_server_that_cannot_start_is_one_clear_sentence(tmp_path: Path) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path}/missing/prefect.db"
    body = """
try:
    local_server.wait_for_server()
except local_server.NoServer as error:
    print(error)
"""
    code, out, err = finish(start(body, tmp_path, tmp_path, PREFECT_SERVER_DATABASE_CONNECTION_URL=database))
    assert (code, err) == (0, "")
    assert "did not start" in out
    assert str(tmp_path / "imagemill-server.log") in out


def test_the_server_answers_its_own_run_and_nobody_else(tmp_path: Path) -> None:
    """Neither who lacks the password nor a web page, not even one that resolves its name to this machine."""
    body = """
import base64, httpx, websockets.sync.client
from websockets.exceptions import ConnectionClosed, InvalidStatus
local_server.wait_for_server()
url, password = os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"]
right = {"Authorization": f"Basic {base64.b64encode(password.encode()).decode()}"}

def secrets(**headers):
    return httpx.post(f"{url}/block_documents/filter", json={"include_secrets": True}, headers=headers).status_code

def events(token, **headers):
    address = url.replace("http", "ws") + "/events/in"
    try:
        with websockets.sync.client.connect(address, subprotocols=["prefect"], additional_headers=headers) as socket:
            socket.send('{"type": "auth", "token": "%s"}' % token)
            return socket.recv()
    except InvalidStatus as refused:
        return refused.response.status_code
    except ConnectionClosed:
        return "closed"

print("own", secrets(**right))
print("no password", secrets(), events("guess"))
print("wrong password", secrets(Authorization="Basic aW1hZ2VtaWxsOmd1ZXNz"))
print("foreign host", secrets(**right, Host="evil.example"))
print("foreign origin", secrets(**right, Origin="http://evil.example"), events(password, Origin="http://evil.example"))
preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
print("preflight", httpx.options(f"{url}/flows/", headers=preflight).headers.get("access-control-allow-origin"))
print(run(lambda: "done"))
"""
    code, out, err = finish(start(body, tmp_path / "home", tmp_path))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "own 200",
        "no password 401 closed",
        "wrong password 401",
        "foreign host 403",
        "foreign origin 403 403",
        "preflight None",
        "done",
    ]


def test_prefect_home_is_its_users_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    assert finish(start('print(run(lambda: "done"))', home, tmp_path)) == (0, "done\n", "")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.glob("prefect.db*")} == {0o600}


ASK = """
try:
    local_server.wait_for_server()
except local_server.NoServer as error:
    print(error)
"""


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """The address of a server that wants a password and has no API elsewhere."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if not self.path.startswith("/api/") else 401)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_configured_server_that_is_down_is_one_sentence(tmp_path: Path) -> None:
    url = "http://me:hidden@127.0.0.1:9/api"
    code, out, err = finish(start(ASK, tmp_path, tmp_path, PREFECT_API_URL=url))
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert out.startswith("The Prefect server http://127.0.0.1:9/api does not answer (")
    assert "hidden" not in out


def test_wrong_credentials_are_one_sentence(tmp_path: Path, guarded: str) -> None:
    url = f"http://{guarded}/api"
    environment = {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": "me:wrong"}
    code, out, err = finish(start(ASK, tmp_path, tmp_path, **environment))
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert out.startswith(f"The Prefect server {url} refuses the credentials; mend PREFECT_API_AUTH_STRING")
    assert "wrong" not in out


def test_an_address_that_is_no_api_is_one_sentence(tmp_path: Path, guarded: str) -> None:
    code, out, err = finish(start(ASK, tmp_path, tmp_path, PREFECT_API_URL=f"http://{guarded}"))
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert "answers 404, not as a Prefect server does; mend PREFECT_API_URL" in out
