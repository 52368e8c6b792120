"""What only shows is sent whenever the server takes it, and never in the way of work."""

import contextlib
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from flows.engine import outbox as module
from flows.engine.outbox import Outbox


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> Outbox:
    monkeypatch.setattr(module, "PAUSE", 0.05)
    monkeypatch.setattr(module, "get_client", lambda sync_client: contextlib.nullcontext())
    return Outbox()


class Server:
    """Notes what it is sent; `away` for so many attempts."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.got: list[str] = []

    def take(self, what: str) -> Callable[[object], None]:
        def send(client: object) -> None:
            if self.away > 0:
                self.away -= 1
                raise httpx.ConnectError("refused")
            self.got.append(what)

        return send


def test_all_is_sent_in_order(outbox: Outbox) -> None:
    server = Server()
    for what in "abc":
        outbox.put(what, server.take(what))
    assert outbox.flush(10)
    assert server.got == ["a", "b", "c"]


def test_a_server_that_was_away_gets_the_newest_of_each_name_once(outbox: Outbox) -> None:
    server = Server(away=6)
    outbox.put("progress", server.take("10 %"))
    while server.away == 6:
        time.sleep(0.01)
    outbox.put("summary", server.take("summary"))
    outbox.put("progress", server.take("20 %"))
    outbox.put("progress", server.take("30 %"))
    assert outbox.flush(10)
    assert server.got == ["30 %", "summary"]


def test_what_the_server_refuses_does_not_hold_up_the_rest(outbox: Outbox) -> None:
    server, tried = Server(), []

    def refused(client: object) -> None:
        tried.append(1)
        raise ValueError("422")

    outbox.put("bad", refused)
    outbox.put("good", server.take("good"))
    assert outbox.flush(10)
    assert (tried, server.got) == ([1], ["good"])


def test_a_server_that_hangs_holds_up_nobody(outbox: Outbox) -> None:
    answers = threading.Event()
    outbox.put("slow", lambda client: answers.wait(60))
    started = time.monotonic()
    for number in range(1_000):
        outbox.put("progress", Server().take(str(number)))
    assert not outbox.flush(0.1)
    assert time.monotonic() - started < 10
    answers.set()
    assert outbox.flush(10)
