"""Paths as jobs take them."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from tasks.runfolder.filesystem import without_password

Place = Annotated[str, Field(min_length=1), AfterValidator(without_password)]
"""A path or URL. An empty one, such as a variable that is not set, would be the current folder or the root. A password
in it is kept in the process alone."""


def _local(path: Path) -> Path:
    if path == Path():  # also what an empty text becomes
        raise ValueError("is empty, perhaps a variable that is not set, or the current folder; name a folder")
    if ":/" in str(path):
        raise ValueError("must be a folder on this machine; copy it to the object store when the command is done")
    return path


Local = Annotated[Path, AfterValidator(_local)]
"""A folder to write on this machine; as a plain `Path`, `s3://bucket` would become a local folder `s3:`."""
