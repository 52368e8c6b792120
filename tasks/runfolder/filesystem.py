"""The fsspec filesystem of a path or URL, with the settings that bulk work on an object store needs."""

from typing import Any

import fsspec
from fsspec.core import url_to_fs

from tasks.runfolder.errors import BadInput

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
        return url_to_fs(url, **(_s3_options() if url.startswith("s3://") else {}))
    except ImportError as error:
        package = next((package for package, schemes in EXTRAS.items() if scheme.lower() in schemes), None)
        mend = f"pip install 'imagemill[{package}]'" if package else str(error)
        raise BadInput(f"{url}: {scheme}:// needs a package that is not installed: {mend}.") from error
    except ValueError as error:
        if "Protocol not known" not in str(error):
            raise
        raise BadInput(f"{url}: there is no storage called {scheme}://; use a local path or s3://.") from error


def _s3_options() -> dict[str, Any]:
    from s3fs.core import set_custom_error_handler  # local runs are spared its import

    set_custom_error_handler(_is_busy)
    return S3_OPTIONS


def _is_busy(error: BaseException) -> bool:
    """Whether s3fs should try again: it knows a busy store by its words, which the answer to a HEAD has none of."""
    return getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode") in {429, 500, 502, 503, 504}
