"""The review's server: votes survive kills, and nothing but a vote gets in."""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.feedback.server import review_app
from tasks.feedback.votes import read_feedback
from tasks.runfolder.storage import Storage
from tests.tasks.run_folder import make_run, picture_id

TOKEN = "a-token-that-is-long-enough"
PROGRAM = "import sys; from tasks.feedback.server import serve; serve(sys.argv[1], int(sys.argv[2]), sys.argv[3])"
VOTES = int(os.environ.get("IMAGEMILL_VOTES", "40"))  # 1000 for the figures
KILLS = int(os.environ.get("IMAGEMILL_KILLS", "3"))
ODD = int(os.environ.get("IMAGEMILL_FUZZ", "150"))
ODD_INSIDE = 10_000


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(run: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(run), str(port), TOKEN],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviewed") / "run"
    make_run(folder, pictures=6)
    return folder


@pytest.fixture(scope="module")
def server(run: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    with running(run, port) as process:
        yield process, port


def ids(port: int) -> list[str]:
    data = httpx.get(f"http://127.0.0.1:{port}/{TOKEN}/data").json()
    return [picture["id"] for picture in data["pictures"]]


def test_no_vote_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path) -> None:
    make_run(tmp_path / "run", pictures=6)
    port, chance = free_port(), random.Random(1)
    at = sorted(chance.sample(range(VOTES), KILLS))  # how many votes have been given before each kill
    sent = [f"vote-{number:06d}" for number in range(VOTES)]
    waiting = list(sent)
    while waiting:
        with running(tmp_path / "run", port) as process:
            pictures = ids(port)
            while waiting:
                body = {"vote": waiting[0], "a": pictures[0], "b": pictures[1], "choice": "tie"}
                if at and len(waiting) <= VOTES - at[0]:
                    at.pop(0)  # in the midst of the next vote: before it is written, meanwhile, or after
                    threading.Timer(chance.uniform(0, 0.02), process.kill).start()
                try:
                    answer = httpx.post(f"http://127.0.0.1:{port}/{TOKEN}/vote/pair", json=body, timeout=5)
                except httpx.TransportError:
                    break
                assert answer.status_code == 200, answer.text
                waiting.pop(0)
                if chance.random() < 0.2:  # an answer that did not arrive: it is sent again
                    waiting.insert(0, body["vote"])
    stored = read_feedback(Storage(str(tmp_path / "run")), "pairs")["vote"].to_pylist()
    assert sorted(stored) == sent


def test_a_vote_has_the_columns_of_pick_a_pic_and_the_page_shows_it(server: Any, run: Path) -> None:
    port = server[1]
    base = f"http://127.0.0.1:{port}/{TOKEN}"
    a, b, c = ids(port)[:3]
    for body in (
        {"vote": "pair-0001", "a": a, "b": b, "choice": "b"},
        {"vote": "pair-0002", "a": a, "b": b, "choice": "both bad"},
    ):
        assert httpx.post(f"{base}/vote/pair", json=body).json()["new"]
    rows = read_feedback(Storage(str(run)), "pairs").to_pylist()
    assert [(row["label_0"], row["label_1"], row["best_image_uid"], row["both_bad"]) for row in rows] == [
        (0, 1, b, False),
        (0.5, 0.5, "", True),
    ]
    rating = {"vote": "rate-0001", "image": c, "stars": 4}
    assert httpx.post(f"{base}/vote/rating", json=rating).json() == {"vote": "rate-0001", "new": True}
    assert httpx.post(f"{base}/vote/rating", json=rating).json()["new"] is False
    reject = {"vote": "rate-0002", "image": c, "rejected": True, "reason": "two tails"}
    httpx.post(f"{base}/vote/rating", json=reject)
    shown = {p["id"]: p for p in httpx.get(f"{base}/data").json()["pictures"]}
    assert (shown[c]["stars"], shown[c]["rejected"]) == (4, True)
    assert httpx.get(f"{base}/picture/0").content.startswith(b"\x89PNG")
    for asset in ("", "review.js", "review.css"):
        assert httpx.get(f"{base}/{asset}").status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 403),
        ("/data", {}, 403),
        ("/wrong-token/data", {}, 403),
        (f"/{TOKEN}x/data", {}, 403),
        (f"/{TOKEN}/data", {"origin": "https://evil.example"}, 403),
        (f"/{TOKEN}/data", {"origin": "null"}, 403),
        (f"/{TOKEN}/data", {"host": "evil.example"}, 403),
        (f"/{TOKEN}/data", {"sec-fetch-site": "cross-site"}, 403),
        (f"/{TOKEN}/picture/../../../etc/passwd", {}, 404),
        (f"/{TOKEN}/picture/..%2f..%2fetc%2fpasswd", {}, 404),
        (f"/{TOKEN}/%2e%2e/run.json", {}, 404),
        (f"/{TOKEN}/picture/99999999999999999999", {}, 404),
        (f"/{TOKEN}/server.py", {}, 404),
        (f"/{TOKEN}/vote/pair", {}, 405),
        (f"/{TOKEN}/data", {}, 200),
    ],
)
def test_what_has_no_token_or_comes_from_elsewhere_is_refused(
    server: Any, path: str, headers: dict[str, str], status: int
) -> None:
    with socket.create_connection(("127.0.0.1", server[1])) as raw:  # as it stands: a client would tidy the path
        told = {"host": f"127.0.0.1:{server[1]}", "connection": "close"} | headers
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        raw.sendall("\r\n".join(lines).encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert int(answer.split(b" ", 2)[1]) == status
    assert b"Traceback" not in answer
    assert status == 200 or b"root:" not in answer


def test_votes_that_are_none_are_refused_and_nothing_is_written(server: Any, run: Path) -> None:
    url = f"http://127.0.0.1:{server[1]}/{TOKEN}/vote/pair"
    before = read_feedback(Storage(str(run)), "pairs").num_rows
    a, b = ids(server[1])[:2]
    good = {"vote": "odd-00001", "a": a, "b": b, "choice": "a"}
    for change in ({"choice": "c"}, {"vote": "../../x"}, {"a": "nobody"}, {"more": 1}, {"vote": 3}, {"a": "x" * 600}):
        assert httpx.post(url, json=good | change).status_code == 422
    assert httpx.post(url, content=b"[" * 5000, headers={"content-type": "application/json"}).status_code == 422
    assert httpx.post(url, content=b"x" * 20_000, headers={"content-type": "application/json"}).status_code == 413
    assert httpx.post(url, content=json.dumps(good), headers={"content-type": "text/plain"}).status_code == 415
    cross = {"origin": "http://evil.example", "content-type": "application/json"}
    assert httpx.post(url, content=json.dumps(good), headers=cross).status_code == 403
    assert read_feedback(Storage(str(run)), "pairs").num_rows == before


def test_odd_requests_are_answered_or_closed_without_a_traceback(server: Any) -> None:
    process, port = server
    chance = random.Random(7)
    start = f"GET /{TOKEN}/data HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode()
    for _ in range(ODD):
        data = bytearray(start if chance.random() < 0.7 else chance.randbytes(chance.randrange(1, 200)))
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.settimeout(5)
            raw.sendall(bytes(data))
            raw.shutdown(socket.SHUT_WR)
            try:
                answer = b"".join(iter(lambda raw=raw: raw.recv(65536), b""))  # type: ignore[misc]
            except OSError:
                answer = b""
        assert b"Traceback" not in answer
    assert ids(port)
    assert process.poll() is None


async def asked(app: Any, scope: dict[str, Any], body: bytes) -> int:
    """The status of an answer. Whatever the application raises, or answers twice, is raised here."""
    sent: list[dict[str, Any]] = []
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return parts.pop() if parts else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    (start,) = [message for message in sent if message["type"] == "http.response.start"]
    assert b"Traceback" not in b"".join(message.get("body", b"") for message in sent)
    return int(start["status"])


def odd_request(chance: random.Random, uids: list[str]) -> tuple[dict[str, Any], bytes]:
    """A request that is half right at best: its path, headers, method and body each as they come."""
    place = chance.choice(
        [*4 * ["", "review.js", "picture/9", "vote/pair", "vote/rating", "run.json"], "data", "picture/0"]
    )
    path = f"/{TOKEN if chance.random() < 0.8 else chance.randbytes(6).hex()}/{place}"
    if chance.random() < 0.4:
        at = chance.randrange(len(path))
        path = (
            path[:at] + chance.choice(["..", "%2e%2e/", "\0", "\\", "//", "\udcff", "é", "?", "9" * 5000]) + path[at:]
        )
    vote: dict[str, Any] = {"vote": f"odd-{chance.getrandbits(40):010x}", "image": chance.choice(uids), "stars": 3}
    vote |= {"a": uids[0], "b": uids[1], "choice": "tie"} if chance.random() < 0.5 else {}
    for name in chance.sample(sorted(vote), chance.randrange(1, len(vote))):
        vote[name] = chance.choice([None, "", -1, 1e400, "x" * 600, [], {"a": [[[]]]}, True, "\ud800", 2**70])
    body = bytearray(json.dumps(vote).encode())
    if chance.random() < 0.3:
        body[chance.randrange(len(body))] = chance.randrange(256)
    headers = {"host": f"127.0.0.1:{PORT}", "content-type": "application/json"}
    for name in ("host", "origin", "sec-fetch-site", "content-type", "cookie", "transfer-encoding", "range", "expect"):
        if chance.random() < 0.06:
            headers[name] = chance.choice(
                ["", "null", "https://evil.example", "\x00", "é" * 50, "cross-site", "x" * 9000]
            )
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": chance.choice(["1.0", "1.1", "2"]),
        "method": chance.choice(["GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW", ""]),
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": chance.randbytes(chance.randrange(9)),
        "headers": [(name.encode(), value.encode("utf-8")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", PORT),
        "root_path": "",
    }
    return scope, bytes(body)


PORT = 8420


def test_ten_thousand_odd_requests_in_the_process_itself(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = review_app(str(run), TOKEN, PORT)
    uids, chance = [picture_id(row) for row in range(6)], random.Random(11)
    before = read_feedback(Storage(str(run)), "ratings").num_rows

    async def ask() -> Counter[int]:
        return Counter([await asked(app, *odd_request(chance, uids)) for _ in range(ODD_INSIDE)])

    statuses = asyncio.run(ask())
    assert set(statuses) <= {200, 307, 400, 403, 404, 405, 413, 415, 422}, statuses
    assert min(statuses[status] for status in (200, 403, 404, 405, 422)) > 0
    assert [record.getMessage() for record in caplog.records] == []
    assert read_feedback(Storage(str(run)), "ratings").num_rows == before, "none of them is a vote"
