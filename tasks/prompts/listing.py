"""Which files the given prompts are: a file, a folder, a glob, standard input, or a text itself.

Nothing is passed over silently: what a folder or glob holds and is not taken stands in `left_out` with the reason.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from models.messages import one_line
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import explain, filesystem

Kind = Literal["parquet", "csv", "tsv", "jsonl", "json", "txt", "stream", "text"]
"""Format of a file; `stream`: a pipe, whose first line tells; `text`: the prompt itself, not a file."""

SUFFIXES: dict[str, Kind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".txt": "txt",
}
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
BESIDE_TABLES: tuple[Kind, ...] = ("json", "txt")  # in a folder of tables more likely a description of them
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
RECORD = "run.json"
GLOB = "*?["


@dataclass(frozen=True)
class PromptFile:
    """One file of prompts.

    Attributes:
        url: what opens it; the text itself where `kind` is `text`.
        label: its path below the folder or glob that was given.
        columns: what folders named `column=value` say of all its rows, as Hive and Spark write them.
    """

    url: str
    label: str
    kind: Kind
    compression: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """The files to take, in the order of their paths; `several`: a folder or glob was given, not one file."""

    files: tuple[PromptFile, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    several: bool = False

    @cached_property
    def reasons(self) -> dict[str, int]:
        """How many files were left out, by reason."""
        counts: dict[str, int] = {}
        for _, reason in self.left_out:
            counts[reason] = counts.get(reason, 0) + 1
        return counts


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
            return _chosen(fs, prompts, path, list(_walk(fs, path)), out)
        if fs.exists(path) or ("file" in fs.protocol and os.path.islink(path)):  # noqa: PTH114
            return Listing((_single(fs, prompts, path),))
        if any(mark in path for mark in GLOB):
            matches = [found for match in _glob(fs, path) for found in _expanded(fs, match)]
            if matches or not _is_text(prompts):
                return _chosen(fs, prompts, path, matches, out)
    except BadInput:
        raise
    except Exception as error:
        raise refusal(error, prompts) from error
    if _is_text(prompts):
        return Listing((PromptFile(prompts, "the text given", "text"),))
    raise BadInput(f"{prompts}: no such file or folder; check the path.")


def open_filesystem(url: str) -> tuple[Any, str]:
    """The filesystem of a URL and the path within it. Raises BadInput if there is none."""
    try:
        return filesystem(url)
    except BadInput:
        raise
    except Exception as error:
        raise refusal(error, url) from error


def refusal(error: Exception, where: str) -> BadInput:
    """The sentence for a place that cannot be read."""
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return BadInput(f"{where}: a link that leads back to itself; name the file.")
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, OSError):  # of HTTP
        return BadInput(f"{where}: the server cannot be reached ({one_line(error.__cause__)}); check the address.")
    explained = explain(error, where)
    sentence = (
        str(explained) if explained else f"{where}: cannot be opened ({type(error).__name__}: {one_line(error)})."
    )
    return BadInput(sentence if where in sentence else f"{where}: {sentence}")


def _is_text(prompts: str) -> bool:
    """Whether what is no path can be meant as the prompt itself: several words, or a script without spaces."""
    looks_like_path = "/" in prompts or "\\" in prompts or _kind(prompts)[0] is not None
    return not looks_like_path and bool(re.search(r"\s|[^\x00-\u02ff]", prompts.strip()))


def _kind(name: str) -> tuple[Kind | None, str | None]:
    """Format and compression, by the name's suffixes."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    compression = COMPRESSED.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None, compression


def _file(url: str, label: str) -> PromptFile:
    kind, compression = _kind(label)
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


def _glob(fs: Any, path: str) -> list[str]:
    """Matches of a pattern, in order; brackets in a folder that exists as it is written stand for themselves."""
    parts = path.split("/")
    first = next((i for i, part in enumerate(parts) if any(mark in part for mark in "*?")), len(parts))
    while first > 0 and not ("[" in "".join(parts[:first]) and fs.exists("/".join(parts[:first]))):
        first -= 1
    literal = "/".join(parts[:first]).replace("[", "[[]")
    return sorted(fs.glob("/".join([literal, *parts[first:]]) if first else path))


def _expanded(fs: Any, match: str) -> Iterator[str]:
    if fs.isdir(match):
        yield from _walk(fs, match)
    else:
        yield match


def _walk(fs: Any, folder: str) -> Iterator[str]:
    """All files below a folder; a link that leads back to a folder above is not followed."""
    if "file" not in fs.protocol:
        yield from (name for name in fs.find(folder) if not name.endswith("/"))
        return
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (f"{here.rstrip('/')}/{name}" for name in files)


def _chosen(fs: Any, prompts: str, path: str, found: list[str], out: str | None) -> Listing:
    """Which of the files found are prompts."""
    base = _fixed_part(path)
    run_folders = _run_folders(fs, found, base, prompts)
    left_out: list[tuple[str, str]] = []
    files: list[PromptFile] = []
    real: set[str] = set()
    own = _own_folder(fs, base, out)
    for name in sorted(set(found), key=lambda name: (_is_link(fs, name), name)):
        label = name[len(base) :].lstrip("/") or PurePosixPath(name).name
        kind, compression = _kind(name)
        reason = _reason_to_leave_out(fs, name, label, path, own, run_folders, real)
        if reason is None and kind is None:
            reason = "of another kind"
        if reason is not None:
            left_out.append((label, reason))
            continue
        assert kind is not None
        url = name if "file" in fs.protocol else fs.unstrip_protocol(name)
        files.append(PromptFile(url, label, kind, compression, _partition(label)))
    files.sort(key=lambda file: file.url)
    tables = [file for file in files if file.kind not in BESIDE_TABLES]
    if tables:
        left_out += [(file.label, f"a .{file.kind} beside tables") for file in files if file.kind in BESIDE_TABLES]
        files = tables
    if not files:
        held = f" ({_told(left_out)} left out)" if left_out else ""
        raise BadInput(f"{prompts}: no Parquet, CSV, JSON-lines or text file is found there{held}; check the path.")
    return Listing(tuple(files), tuple(left_out), several=True)


def _told(left_out: list[tuple[str, str]]) -> str:
    names = ", ".join(f"{name}: {reason}" for name, reason in left_out[:3])
    return names if len(left_out) <= 3 else f"{names} and {len(left_out) - 3} more"


def _fixed_part(path: str) -> str:
    """The folder that all matches of a pattern are below."""
    parts = path.rstrip("/").split("/")
    first = next((i for i, part in enumerate(parts) if any(mark in part for mark in "*?")), None)
    if first is None:
        first = next((i for i, part in enumerate(parts) if "[" in part and not Path(path).exists()), len(parts))
    return "/".join(parts[:first])


def _is_link(fs: Any, name: str) -> bool:
    return "file" in fs.protocol and os.path.islink(name)  # noqa: PTH114


def _own_folder(fs: Any, base: str, out: str | None) -> str | None:
    """The run folder, if it is below `base`."""
    if not out:
        return None
    try:
        other, path = filesystem(out)
    except Exception:
        return None  # whoever opens it says what is wrong
    if type(other) is not type(fs):
        return None
    own, above = str(path).rstrip("/"), base
    if "file" in fs.protocol:
        own, above = os.path.realpath(own), os.path.realpath(above)
    return own if own.startswith(f"{above.rstrip('/')}/") else None


def _run_folders(fs: Any, found: list[str], base: str, prompts: str) -> tuple[str, ...]:
    """Folders below that hold a run: a run's own tables are prompts only if they are named themselves."""
    folders = {name.rpartition("/")[0] for name in found if name.rpartition("/")[2] == RECORD}
    runs = tuple(folder for folder in sorted(folders) if fs.isdir(f"{folder}/metadata"))
    if base in runs:
        raise BadInput(f"{prompts}: a run folder; name {prompts.rstrip('/')}/metadata to render its texts again.")
    return runs


def _reason_to_leave_out(
    fs: Any, name: str, label: str, pattern: str, own: str | None, run_folders: tuple[str, ...], real: set[str]
) -> str | None:
    """Why a file is not taken, or None; `real` collects what links lead to."""
    asked_for = pattern.split("/")
    if any(part[:1] in {"_", "."} and part not in asked_for for part in label.split("/")):
        return "its name begins with _ or ."
    if any(name.startswith(f"{folder}/") for folder in run_folders):
        return "of a run"
    if "file" not in fs.protocol:
        return "of this run" if own and name.startswith(f"{own}/") else None
    target = os.path.realpath(name)
    if own and target.startswith(f"{own}/"):
        return "of this run"
    if not os.path.isfile(target):  # noqa: PTH113
        return "no regular file"
    if target in real:
        return "another name of one of the files"
    real.add(target)
    return None


def _partition(label: str) -> dict[str, str | None]:
    columns: dict[str, str | None] = {}
    for part in label.split("/")[:-1]:
        name, equals, value = part.partition("=")
        if name and equals:
            columns[unquote(name)] = None if value == NO_PARTITION else unquote(value)
    return columns
