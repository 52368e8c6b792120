"""Servers and inputs that the integration tests share."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import s3fs
from selenium import webdriver

from tests.integration import browser
from tests.integration.faults import Faults, Proxy, faulty, remount, small_disk
from tests.integration.runs import Outcome
from tests.integration.s3 import S3, serve

BUCKET = "imagemill-test"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """One SeaweedFS for the whole session; it starts when the first test asks for it (4 seconds)."""
    with serve(tmp_path_factory.mktemp("seaweedfs"), BUCKET) as server:
        yield server


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for the whole session."""
    with browser.running(tmp_path_factory.mktemp("chromium")) as driven:
        yield driven


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """The server, as the AWS_* variables tell it to the code under test."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # an instance keeps the endpoint and keys it was made with
    yield s3_server
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def bucket(s3: S3, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place of the test's own: `s3://bucket/prefix`."""
    return f"s3://{BUCKET}/{tmp_path.name}"


@pytest.fixture
def proxy(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy between the code under test and the server; set its `faults`, there are none at first."""
    with faulty(s3, Faults(seed=1)) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        s3fs.S3FileSystem.clear_instance_cache()
        yield running


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 2 MB."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(small_disk(tmp_path / "disk"))
        except PermissionError as error:
            pytest.skip(f"a small disk needs root: {error}")
        yield folder


@pytest.fixture
def grow(full_disk: Path) -> Callable[[], None]:
    """Gives the full disk room again, with all that is on it."""
    return lambda: remount(full_disk, "size=200m")


@pytest.fixture
def read_only(full_disk: Path) -> Path:
    """A folder on a file system that is mounted read-only (root may write anywhere else)."""
    remount(full_disk, "ro")
    return full_disk


@pytest.fixture
def imagemill(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """The command in this process, which spares the seconds that a new one spends on imports."""

    def run(*arguments: object) -> Outcome:
        from flows.cli.main import main

        capfd.readouterr()
        code: object = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        return Outcome(code if isinstance(code, int) else int(code is not None), out, err)

    return run
