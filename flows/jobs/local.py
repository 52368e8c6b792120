"""Folders that must be on this machine."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _local(path: Path) -> Path:
    if ":/" in str(path):
        raise ValueError("must be a folder on this machine; copy it to the object store when the command is done")
    return path


Local = Annotated[Path, AfterValidator(_local)]
"""A folder to write on this machine; as a plain `Path`, `s3://bucket` would become a local folder `s3:`."""
