"""A real PostgreSQL for the tests, from Debian's package `postgresql`."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tests.integration.s3 import die_with_parent, free_ports

USER = "imagemill"


@contextmanager
def serve() -> Iterator[str]:
    """Runs a server with an empty database `prefect`; gives its URL in SQLAlchemy's form.

    Raises:
        RuntimeError: it is not installed, or did not come up; the message ends with its log.
    """
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
    if programs is None:
        raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
    # It refuses to run as root, and then works as the package's own user in a folder that this one can reach.
    user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="imagemill-postgres-", ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, **user)
        port = free_ports(1)[0]
        data, log = f"{folder}/data", Path(f"{folder}/log")
        make = [programs / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync", "--encoding=UTF8"]
        subprocess.run(make, cwd=folder, check=True, stdout=subprocess.DEVNULL, **user)
        options = ["-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [programs / "postgres", *options],
                cwd=folder,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,  # noqa: PLW1509
                **user,
            )
        try:
            _await(process, [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", USER, "prefect"], log)
            yield f"postgresql+asyncpg://{USER}@127.0.0.1:{port}/prefect"
        finally:
            process.terminate()
            process.wait(30)


def execute(url: str, statement: str) -> str:
    """What the server says to a statement, such as `UPDATE 3`."""

    async def run() -> str:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return str(await connection.execute(statement))
        finally:
            await connection.close()

    return asyncio.run(run())


def _await(process: "subprocess.Popen[bytes]", create: list[Any], log: Path, seconds: float = 60) -> None:
    """Waits until a database can be created."""
    end = time.monotonic() + seconds
    while subprocess.run(create, cwd="/", capture_output=True, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"PostgreSQL did not come up:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)
