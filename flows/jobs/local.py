"""Folders that are written on this machine."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _local(path: Path) -> Path:
    if ":/" in str(path):
        raise ValueError("a folder on this machine is wanted; copy it to an object store when it is done")
    return path


Local = Annotated[Path, AfterValidator(_local)]
"""A folder that is written on this machine: of `s3://bucket`, a path would make a folder `s3:`."""
