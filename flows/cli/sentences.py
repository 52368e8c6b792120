"""Errors as sentences for people, with the command's exit code."""

import re

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError
from pydantic import ValidationError

from flows.engine.local_server import NoServer
from tasks.runfolder.errors import BadInput, Stopped
from tasks.runfolder.filesystem import without_password
from tasks.runfolder.storage import StorageError, explain

FAILED, BAD_INPUT = 1, 2


def told(error: Exception) -> tuple[str, int] | None:
    """What the user is told of an error, and the exit code; None for one that is a fault of ours."""
    match error:
        case BadInput():
            message, code = str(error), BAD_INPUT
        case ValidationError():
            message, code = sentence(error), BAD_INPUT
        case CycloptsError():
            message, code = _usage_error(error), BAD_INPUT
        case StorageError() | Stopped() | NoServer():
            message, code = str(error), FAILED
        case MemoryError():  # Python's own has no message
            message = str(error) or "the memory is used up; take a smaller --window, or smaller pictures."
            code = FAILED
        case OSError():  # from a training or an evaluation, which write local files
            explained = explain(error, str(error.filename))
            if error.filename is None or explained is None:
                return None
            message, code = str(explained), BAD_INPUT if explained.mendable else FAILED
        case _:
            return None
    return without_password(message), code


def sentence(error: ValidationError) -> str:
    """A pydantic error as one sentence per line, naming options as the command line does."""
    lines = []
    problems = [(_place(problem["loc"]), problem) for problem in error.errors()]
    for place, problem in problems:
        if any(place == other[: len(place)] != other for other, _ in problems):
            continue  # of a list or a text, what is wrong within the list
        name = ".".join(place)
        if problem["type"] in {"missing", "string_too_short"}:
            lines.append(
                f"{name} is missing; give it as "
                + (f"{name.upper()}." if name in {"prompts", "archive", "path", "script", "source"} else f"--{name}.")
            )
        else:
            message = problem["msg"].removeprefix("Value error, ")
            message = f"{message[:1].lower()}{message[1:]}"
            option = f"--{name.replace('_', '-')}: {message} (given: {problem['input']!r})"
            lines.append(option if problem["loc"] else message)  # an error of several options names them itself
    return "\n".join(lines)


def _place(loc: tuple[int | str, ...]) -> list[str]:
    """Where a problem is, without pydantic's own words for the types that it tried."""
    return [str(part) for part in loc if re.fullmatch(r"\w+", str(part))]


def _usage_error(error: CycloptsError) -> str:
    """What is wrong with a command line, one sentence per line."""
    if isinstance(error.__cause__, ValidationError):
        return sentence(error.__cause__)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{error.unused_tokens[0]!r} is one argument too many; --help lists what the command takes."
    if isinstance(error, MissingArgumentError) and error.argument and error.keyword is None:
        name, positional = error.argument.name, error.argument.field_info.is_positional
        return f"{name.lstrip('-').upper() if positional else name} is missing; --help explains it."
    return str(error)
