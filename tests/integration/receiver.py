"""A webhook's receiver."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMIT = 120  # seconds


class Receiver:
    """What was posted to it."""

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def wait_for(self, words: str) -> dict[str, str]:
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            for message in list(self.got):
                if words in message["subject"]:
                    return message
            time.sleep(0.2)
        raise AssertionError(f"nothing about {words!r} among {self.got}")
