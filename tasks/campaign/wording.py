"""Templates of texts: `{{column}}` and, in prompts, choices `{a|b}` and lists `__file__`, drawn by a seed.

The syntax is that of dynamic prompts. Its Python package does not serve here: its grammar refuses a prompt with a plain
`%` or `&`, which product names have.
"""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import explain

_COLUMN = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_INNERMOST = re.compile(r"\{([^{}]*)\}")
_LIST = re.compile(r"__([\w/-]+)__")
_OPEN, _CLOSE, _BAR, _LINE = "\ue000", "\ue001", "\ue002", "\ue003"  # what a value has of `{`, `}`, `|`, `_`
_HIDE = str.maketrans({"{": _OPEN, "}": _CLOSE, "|": _BAR, "_": _LINE})
_SHOW = str.maketrans({_OPEN: "{", _CLOSE: "}", _BAR: "|", _LINE: "_"})


def columns_of(text: str) -> list[str]:
    """The columns that a template names."""
    return _COLUMN.findall(text)


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """The text with its columns filled in.

    Raises:
        ValueError: a column has no value; the sentence names it.
    """

    def value(match: re.Match[str]) -> str:
        if not values.get(match[1], "").strip():
            raise ValueError(f"{match[0]} has no value in this row; fill in column {match[1]!r}.")
        return values[match[1]]

    return _COLUMN.sub(value, text)


def draw(text: str, values: Mapping[str, str], lists: Mapping[str, list[str]], seed: int) -> str:
    """A prompt: columns filled in (their own braces stay as they are), choices drawn by the seed.

    Raises:
        ValueError: a column has no value.
    """
    chance = random.Random(seed)
    text = fill_in(text, {name: value.translate(_HIDE) for name, value in values.items()})
    text = _LIST.sub(lambda match: chance.choice(lists[match[1]]), text)
    while _INNERMOST.search(text):
        text = _INNERMOST.sub(lambda match: chance.choice(match[1].split("|")).strip(), text)
    return " ".join(text.translate(_SHOW).split())


def read_lists(text: str, folder: Path) -> dict[str, list[str]]:
    """The lists that a prompt names: `__place__` is a line of `place.txt` in a folder.

    Raises:
        BadInput: there is no such file, or it is empty; or braces do not pair.
    """
    plain = _COLUMN.sub("", text)
    if _unpaired(plain):
        raise BadInput(
            f"prompt: the braces of {text!r} do not pair; write choices as {{a|b}} and columns as {{{{name}}}}."
        )
    lists = {}
    for name in _LIST.findall(plain):
        path = folder / f"{name}.txt"
        try:
            lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            told = explain(error, str(path)) if isinstance(error, OSError) else "it is not UTF-8"
            raise BadInput(f"prompt: __{name}__: {told or error}") from error
        lists[name] = [line for line in lines if line and not line.startswith("#")]
        if not lists[name]:
            raise BadInput(f"prompt: {path} has no lines; write one choice a line.")
    return lists


def _unpaired(text: str) -> bool:
    depth = list(_depths(text))
    return bool(depth) and (min(depth) < 0 or depth[-1] != 0)


def _depths(text: str) -> Iterator[int]:
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        yield depth
