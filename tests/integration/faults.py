"""What goes wrong in the field, made to go wrong on purpose: a bad network, `kill -9`, a full disk."""

import contextlib
import http.client
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import s3fs

from tests.forked import FORKED
from tests.integration.s3 import S3

SLOW_DOWN = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"""


@dataclass
class Faults:
    """Shares of the calls (0 to 1) that go wrong, drawn in this order from one seed."""

    slow_down: float = 0
    """Answered 503 SlowDown; the server behind never sees them."""
    cut_before: float = 0
    """Connection closed; the server behind never sees them."""
    cut_after: float = 0
    """Done by the server behind, but the connection closes instead of answering: the client cannot know."""
    keep_half: float = 0
    """A written object (locks apart) loses its second half, but the answer is that of the whole one."""
    seed: int = 0


@dataclass
class Proxy:
    """A proxy that is up: where it listens, its faults (may be changed meanwhile), and what it has done."""

    endpoint: str
    faults: Faults
    store: s3fs.S3FileSystem
    """The server behind, without the proxy."""
    down_after: int | None = None
    """Calls after which each one is cut, as if the server were gone; None: it stays up."""
    calls: int = 0
    faulted: int = 0
    draw: random.Random = field(default_factory=random.Random)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self) -> str | None:
        """Decides what happens to the next call: a name of `Faults`, or None."""
        with self.lock:
            self.calls += 1
            if self.down_after is not None and self.calls > self.down_after:
                return "cut_before"
            chance = self.draw.random()
            for name in ("slow_down", "cut_before", "cut_after", "keep_half"):
                chance -= getattr(self.faults, name)
                if chance < 0:
                    self.faulted += 1
                    return name
            return None


class _Handler(BaseHTTPRequestHandler):
    """Passes one connection's calls on, one by one. The Host header stays the client's: it is part of the signature."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: with it each answer would wait 40 ms
    proxy: Proxy
    upstream: str

    def setup(self) -> None:
        super().setup()
        self.server_side = http.client.HTTPConnection(self.upstream, timeout=60)

    def finish(self) -> None:
        self.server_side.close()
        with contextlib.suppress(OSError):  # the client went first
            super().finish()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client went away (or was killed)
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _pass_on(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            raise NotImplementedError("a call of unknown length: teach the proxy chunked bodies")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.next_fault()
        if fault == "slow_down":
            self._answer(503, "Slow Down", [("Content-Type", "application/xml")], SLOW_DOWN)
            return
        if fault == "cut_before":
            self.close_connection = True
            return
        self.server_side.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                self.server_side.putheader(name, value)
        self.server_side.endheaders(body or None)
        response = self.server_side.getresponse()
        content = response.read()
        if fault == "cut_after":
            self.close_connection = True
            return
        if fault == "keep_half" and self.command == "PUT" and response.status == 200 and ".lock" not in self.path:
            path = unquote(urlsplit(self.path).path).lstrip("/")
            self.proxy.store.pipe_file(path, body[: len(body) // 2])
        self._answer(response.status, response.reason, response.getheaders(), content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on

    def _answer(self, status: int, reason: str, headers: Sequence[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status, reason)
        for name, value in headers:
            length_of_head = name.lower() == "content-length" and self.command == "HEAD"
            if length_of_head or name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if self.command != "HEAD" and status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


@contextmanager
def faulty(behind: S3, faults: Faults) -> Iterator[Proxy]:
    """Runs a proxy in front of an S3 server, in threads of this process."""
    proxy = Proxy("", faults, behind.filesystem(), draw=random.Random(faults.seed))
    handler = type("Handler", (_Handler,), {"proxy": proxy, "upstream": urlsplit(behind.endpoint).netloc})
    with _Server(("127.0.0.1", 0), handler) as server:
        proxy.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def small_disk(folder: Path, size: str = "2m") -> Iterator[Path]:
    """Mounts a file system of `size` at `folder`; needs root.

    Raises:
        PermissionError: this process may not mount.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "imagemill-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PermissionError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    """Changes a small disk: `size=200m`, `ro`."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def _command(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """The child: the `imagemill` command, with the caller's environment and its output in a file."""
    from flows.cli.main import main

    os.environ.update(environment)
    with log.open("ab") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    main(list(arguments))


class Killed:
    """An `imagemill` command that is started again and again and killed with `kill -9` on the way.

    Attributes:
        kills: how many times it was killed so far.
        returncode: the exit code of the last start, None if that one was killed.
    """

    def __init__(self, arguments: Sequence[str], log: Path, seed: int) -> None:
        self.arguments = arguments
        self.log = log
        self.draw = random.Random(seed)
        self.kills = 0
        self.returncode: int | None = None

    def attempt(self, began: Callable[[], bool] = lambda: True, within: float | None = None) -> None:
        """One start. It is killed at a random instant up to `within` seconds after `began()` turns true.

        Args:
            began: asked about every 20 ms; lets the kills fall into the work rather than the start-up.
            within: seconds; None lets the command end by itself.
        """
        process = FORKED.Process(target=_command, args=(self.arguments, dict(os.environ), self.log), daemon=True)
        process.start()
        try:
            while within is not None and process.is_alive() and not began():
                time.sleep(0.02)
            process.join(600 if within is None else self.draw.uniform(0, within))
        finally:
            process.kill()
            process.join()
        self.returncode = None if process.exitcode == -signal.SIGKILL else process.exitcode
        self.kills += self.returncode is None
