"""Which files the given prompts are: a file, a folder, a glob, standard input, or a text itself.

Nothing is passed over silently: what a folder or glob holds and is not taken stands in `left_out` with the reason.
"""

import os
import re
import stat
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from tasks.prompts.file_kinds import Listing, PromptFile, kind_of
from tasks.prompts.folder_files import GLOB, chosen, expanded, matches, walk
from tasks.prompts.opening import open_filesystem, refusal
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import StorageError


def list_prompts(prompts: str, out: str | None = None) -> Listing:
    """Finds the files of prompts; reads none of them.

    Args:
        out: the run folder, whose files are never prompts.

    Raises:
        BadInput: nothing is found there, or it cannot be listed.
    """
    if not prompts.strip():
        raise BadInput("PROMPTS is empty; name a file, a folder or a glob of prompts.")
    if prompts == "-":
        return Listing((PromptFile("-", "standard input", "stream"),))
    fs, path = open_filesystem(prompts)
    try:
        if "http" in fs.protocol:
            return Listing((_file(prompts, PurePosixPath(urlsplit(prompts).path).name),))
        if fs.isdir(path):
            return chosen(fs, prompts, path, list(walk(fs, path)), out)
        if fs.exists(path) or ("file" in fs.protocol and os.path.islink(path)):  # noqa: PTH114
            return Listing((_single(fs, prompts, path),))
        if any(mark in path for mark in GLOB):
            found = [file for match in matches(fs, path) for file in expanded(fs, match)]
            if found or not _is_text(prompts):
                return chosen(fs, prompts, path, found, out)
    except (BadInput, StorageError):
        raise
    except Exception as error:
        raise refusal(error, prompts) from error
    if _is_text(prompts):
        return Listing((PromptFile(prompts, "the text given", "text"),))
    raise BadInput(f"{prompts}: no such file or folder; check the path.")


def _is_text(prompts: str) -> bool:
    """Whether what is no path can be meant as the prompt itself: several words, or a script without spaces."""
    looks_like_path = "/" in prompts or "\\" in prompts or kind_of(prompts)[0] is not None
    return not looks_like_path and bool(re.search(r"\s|[^\x00-\u02ff]", prompts.strip()))


def _file(url: str, label: str) -> PromptFile:
    kind, compression = kind_of(label)
    return PromptFile(url, label, kind or "parquet", compression)


def _single(fs: Any, prompts: str, path: str) -> PromptFile:
    """A file that was named itself; a pipe such as /dev/stdin is read once, from its beginning to its end."""
    name = PurePosixPath(path).name
    if "file" in fs.protocol:
        mode = os.stat(path).st_mode  # noqa: PTH116
        if stat.S_ISFIFO(mode):
            return PromptFile(path, name, "stream")
        if not stat.S_ISREG(mode):
            raise BadInput(f"{prompts}: neither a file nor a folder nor a pipe; name a file of prompts.")
        if path.startswith(("/dev/", "/proc/")):  # what a shell put in the place of standard input
            return PromptFile(path, name, "stream")
    return _file(prompts, name)
