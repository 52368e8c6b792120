"""The fsspec filesystem of a path or URL, with the settings that bulk work on an object store needs."""

import json
import os
import re
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage_errors import NotRegularFile

# Attempts of one call: s3fs tries five times these three, and Prefect retries the task.
S3_OPTIONS = {
    "use_listings_cache": False,
    "config_kwargs": {
        "retries": {"mode": "standard", "total_max_attempts": 3},
        "max_pool_connections": 32,
        "connect_timeout": 10,
        "read_timeout": 60,
    },
}


CREDENTIALS = "IMAGEMILL_URL_CREDENTIALS"
"""Environment variable with what `without_password` took out of URLs, for this process and those it starts."""
HIDDEN = "***"
_IN_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/\s,?]*)@(?P<host>[^/\s,@]*)")
_QUERY = re.compile(r"(?P<url>https?://[^\s,?]+)\?(?P<query>[^\s,@#]+)", re.IGNORECASE)
# What presigned URLs of S3, Google, Azure, CloudFront and common services have, which opens the file for anyone.
_SECRET = re.compile(
    r"(?<![^&])(x-(?:amz|goog|oss|cos)-[^=&]*|awsaccesskeyid|signature|sig|s[etprv]|sk[a-z]*|spr|expires|policy|key-pair-id"
    r"|(?:api|access|account)?[-_]?key|[^=&]*(?:token|secret|password|auth)[^=&]*)=[^&]+",
    re.IGNORECASE,
)


EXTRAS = {"gcs": ("gs", "gcs"), "azure": ("az", "abfs", "abfss", "adl")}
"""Extras of this package by the schemes that they open."""


def filesystem(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The fsspec filesystem of a local path or URL (its scheme in any case), and the path within it.

    Raises:
        BadInput: the scheme is not known, or needs a package that is not installed.
    """
    scheme, separator, path = url.partition("://")
    if separator:
        url = f"{scheme.lower()}://{path}"
    try:
        return url_to_fs(_with_password(url), **(_s3_options() if url.startswith("s3://") else {}))
    except ImportError as error:
        package = next((package for package, schemes in EXTRAS.items() if scheme.lower() in schemes), None)
        mend = f"pip install 'imagemill[{package}]'" if package else str(error)
        raise BadInput(f"{url}: {scheme}:// needs a package that is not installed: {mend}.") from error
    except ValueError as error:
        if "Protocol not known" not in str(error):
            raise
        raise BadInput(f"{url}: there is no storage called {scheme}://; use a local path or s3://.") from error


def check_regular(fs: fsspec.AbstractFileSystem, path: str) -> None:
    """Raises NotRegularFile for what a read may never return from, such as /dev/zero; OSError if there is nothing."""
    if "file" in fs.protocol:
        kind = os.stat(path).st_mode  # noqa: PTH116 (faster)
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            raise NotRegularFile(path)


def changed_at(item: Mapping[str, Any]) -> datetime:
    """When a file was written, of what a filesystem lists of it."""
    at = item.get("LastModified") or item.get("mtime")
    return at if isinstance(at, datetime) else datetime.fromtimestamp(float(at or 0), UTC)


def without_password(text: str) -> str:
    """A URL, or a text with URLs, with `***` in the place of credentials; `filesystem` opens it all the same.

    So they stand in no record, database, log or sentence, and a file whose presigned URL was signed anew is the same
    file. A user alone is no secret, but for http it may be a token.
    """

    def hide(found: re.Match[str]) -> str:
        scheme, user, host = found["scheme"].lower(), found["user"], found["host"]
        if user == HIDDEN or not (":" in user or scheme in {"http", "https"}):
            return found[0]
        _keep(f"{scheme}://{HIDDEN}@{host}", user)
        return f"{found['scheme']}://{HIDDEN}@{host}"

    def hide_query(found: re.Match[str]) -> str:
        shown = _SECRET.sub(rf"\1={HIDDEN}", found["query"])
        if HIDDEN not in found["query"] and shown != found["query"]:
            _keep(f"{found['url']}?{shown}", found["query"])
        return f"{found['url']}?{shown}"

    return _QUERY.sub(hide_query, _IN_URL.sub(hide, text))


def _keep(shown: str, secret: str) -> None:
    os.environ[CREDENTIALS] = json.dumps({**json.loads(os.environ.get(CREDENTIALS, "{}")), shown: secret})


def _kept(shown: str, url: str) -> str:
    secret: str | None = json.loads(os.environ.get(CREDENTIALS, "{}")).get(shown)
    if secret is None:
        raise BadInput(f"{url}: the credentials that stood there are not kept; give the URL with them again.")
    return secret


def _with_password(url: str) -> str:
    opened = url
    query = _QUERY.match(url)
    if query is not None and f"={HIDDEN}" in query["query"]:
        opened = f"{query['url']}?{_kept(query[0], url)}"
    found = _IN_URL.match(opened)
    if found is None or found["user"] != HIDDEN:
        return opened
    return f"{found['scheme']}://{_kept(found[0], url)}@{found['host']}{opened[found.end() :]}"


def _s3_options() -> dict[str, Any]:
    from s3fs.core import set_custom_error_handler  # local runs are spared its import

    set_custom_error_handler(_is_busy)
    return S3_OPTIONS


def _is_busy(error: BaseException) -> bool:
    """Whether s3fs should try again: it knows a busy store by its words, which the answer to a HEAD has none of."""
    return getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode") in {429, 500, 502, 503, 504}
