"""Passwords in URLs open what they are for, and stand nowhere."""

import base64
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.filters import Reference
from tasks.datasets.find_captioned import CaptionedFolder
from tasks.enhance.reference_files import fingerprint
from tasks.prompts.opening import refusal
from tasks.render.references import _read as read_reference
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import CREDENTIALS, filesystem, without_password
from tasks.storyboard.read import read_script


class Guarded(BaseHTTPRequestHandler):
    """Gives a table to who knows the password."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "Basic " + base64.b64encode(b"amy:geheim").decode()
        content = b"text\na cat\n"
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CREDENTIALS, "{}")


def test_what_a_password_is_for_opens_without_it_in_the_url(server: str) -> None:
    url = without_password(f"http://amy:geheim@{server}/p.csv")
    assert url == f"http://***@{server}/p.csv"
    fs, path = filesystem(url)
    assert fs.cat_file(path) == b"text\na cat\n"


def test_a_presigned_url_opens_without_its_signature_and_signed_anew_is_the_same(server: str) -> None:
    urls = [without_password(f"http://amy:geheim@{server}/p.csv?v=1&X-Amz-Signature={sign}") for sign in ("1a", "2b")]
    assert set(urls) == {f"http://***@{server}/p.csv?v=1&X-Amz-Signature=***"}
    fs, path = filesystem(urls[0])
    assert path.endswith("@" + server + "/p.csv?v=1&X-Amz-Signature=2b")
    assert fs.cat_file(path) == b"text\na cat\n"


def test_a_refusal_does_not_tell_the_password(server: str) -> None:
    url = without_password(f"http://amy:falsch@{server}/p.csv")
    fs, path = filesystem(url)
    with pytest.raises(Exception) as refused:
        fs.cat_file(path)
    assert "falsch" not in str(refusal(refused.value, url))
    assert "401" in str(refusal(refused.value, url))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sftp://amy:a:b@host/x, S3://key:se/cret", "sftp://***@host/x, S3://key:se/cret"),
        ("https://token@host/x", "https://***@host/x"),
        ("palette:HTTPS://amy:pw@host/ref.png@0.7,denoise:0.3", "palette:HTTPS://***@host/ref.png@0.7,denoise:0.3"),
        (
            "https://b.s3.amazonaws.com/p.csv?versionId=3&X-Amz-Credential=AK%2F1&X-Amz-Signature=ab12",
            "https://b.s3.amazonaws.com/p.csv?versionId=3&X-Amz-Credential=***&X-Amz-Signature=***",
        ),
        (
            "https://a.blob.core.windows.net/c/p.csv?sv=1&se=2&sig=a%3D",
            "https://a.blob.core.windows.net/c/p.csv?sv=***&se=***&sig=***",
        ),
        (
            "palette:https://host/r.png?access_token=1@0.7,denoise:0.3",
            "palette:https://host/r.png?access_token=***@0.7,denoise:0.3",
        ),
        ("https://***@host/x?api_key=***", "https://***@host/x?api_key=***"),
        ("https://host/p.csv?version=2&part=a@b", "https://host/p.csv?version=2&part=a@b"),
        ("sftp://amy@host/x", "sftp://amy@host/x"),
        ("abfs://container@account/x", "abfs://container@account/x"),
        ("runs/a@b", "runs/a@b"),
    ],
)
def test_only_credentials_are_hidden(text: str, shown: str) -> None:
    assert without_password(text) == shown
    assert without_password(shown) == shown


def test_a_url_from_a_record_asks_for_its_credentials() -> None:
    with pytest.raises(BadInput, match="not kept; give the URL with them again"):
        filesystem("https://***@host/x")


@pytest.mark.parametrize(
    "read",
    [
        lambda url: read_reference(url, "reference"),
        lambda url: fingerprint(Reference("picture", url)),
        read_script,
    ],
    ids=["row", "step", "script"],
)
def test_what_a_read_never_returns_from_is_not_begun(read: Callable[[str], object], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.md"
    os.mkfifo(pipe)
    with pytest.raises((BadInput, ValueError), match=r"not a regular file but a pipe, socket or device; name a file\."):
        read(str(pipe))


def test_a_device_among_captioned_pictures_is_left_out_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").symlink_to("/dev/null")
    assert ["not a regular file" in (found.problem or "") for found in CaptionedFolder(str(tmp_path))] == [False, True]
