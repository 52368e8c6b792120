"""Templates of texts: `{{column}}` and, in prompts, choices `{a|b}` and lists `__file__`, drawn by a seed.

The syntax is that of dynamic prompts. Its Python package does not serve here: its grammar refuses a prompt with a plain
`%` or `&`, which product names have.
"""

import random
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
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


def without(text: str, columns: Collection[str]) -> str:
    """The template without some columns."""
    return _COLUMN.sub(lambda match: "" if match[1] in columns else match[0], text)


def draw(
    text: str, authored: Mapping[str, str], values: Mapping[str, str], lists: Mapping[str, list[str]], seed: int
) -> str:
    """A prompt: columns filled in, choices drawn by the seed.

    Args:
        authored: columns that whoever wrote the prompt wrote, too: their choices are drawn, their columns filled in.
        values: the others, whose own braces stay as they are.

    Raises:
        ValueError: a column has no value.
    """
    chance = random.Random(seed)
    text = _COLUMN.sub(lambda match: authored.get(match[1], match[0]), text)
    text = fill_in(text, {name: value.translate(_HIDE) for name, value in values.items()})
    text = _LIST.sub(lambda match: chance.choice(lists[match[1]]), text)
    while _INNERMOST.search(text):
        text = _INNERMOST.sub(lambda match: chance.choice(match[1].split("|")).strip(), text)
    return " ".join(text.translate(_SHOW).split())


def read_lists(texts: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """The lists that the parts of a prompt name: `__place__` is a line of `place.txt` in a folder.

    Raises:
        BadInput: there is no such file, or it is empty; or braces do not pair.
    """
    plain = [_COLUMN.sub("", text) for text in texts]
    for text in filter(_unpaired, plain):
        raise BadInput(f"prompt: the braces of {text!r} do not pair; choices are {{a|b}}, columns {{{{name}}}}.")
    return {name: _read_list(name, folder) for name in _LIST.findall(" ".join(plain))}


def _read_list(name: str, folder: Path) -> list[str]:
    path = folder / f"{name}.txt"
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        told = explain(error, str(path)) if isinstance(error, OSError) else f"{path}: not UTF-8; save it as such."
        raise BadInput(f"prompt: __{name}__: {told}") from error
    kept = [line for line in lines if line and not line.startswith("#")]
    if not kept:
        raise BadInput(f"prompt: {path} has no lines; write one choice a line.")
    return kept


def _unpaired(text: str) -> bool:
    depth = list(_depths(text))
    return bool(depth) and (min(depth) < 0 or depth[-1] != 0)


def _depths(text: str) -> Iterator[int]:
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        yield depth
