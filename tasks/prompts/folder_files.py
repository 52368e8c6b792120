"""Which files of a folder or glob are prompts, and why the others are not."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from tasks.prompts.file_kinds import Kind, Listing, PromptFile, kind_of
from tasks.runfolder.errors import BadInput
from tasks.runfolder.filesystem import filesystem

BESIDE_TABLES: tuple[Kind, ...] = ("json", "txt")  # in a folder of tables more likely a description of them
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
RECORD = "run.json"
GLOB = "*?["


def matches(fs: Any, path: str) -> list[str]:
    """Matches of a pattern, in order; brackets in a folder that exists as it is written stand for themselves."""
    parts = path.split("/")
    first = next((i for i, part in enumerate(parts) if any(mark in part for mark in "*?")), len(parts))
    while first > 0 and not ("[" in "".join(parts[:first]) and fs.exists("/".join(parts[:first]))):
        first -= 1
    literal = "/".join(parts[:first]).replace("[", "[[]")
    return sorted(fs.glob("/".join([literal, *parts[first:]]) if first else path))


def expanded(fs: Any, match: str) -> Iterator[str]:
    """The file, or all files below it if it is a folder."""
    if fs.isdir(match):
        yield from walk(fs, match)
    else:
        yield match


def walk(fs: Any, folder: str) -> Iterator[str]:
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


def chosen(fs: Any, prompts: str, path: str, found: list[str], out: str | None) -> Listing:
    """Which of the files found are prompts."""
    base = _fixed_part(path)
    run_folders = _run_folders(fs, found, base, prompts)
    left_out: list[tuple[str, str]] = []
    files: list[PromptFile] = []
    real: set[str] = set()
    own = _own_folder(fs, base, out)
    for name in sorted(set(found), key=lambda name: (_is_link(fs, name), name)):
        label = name[len(base) :].lstrip("/") or PurePosixPath(name).name
        kind, compression = kind_of(name)
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
