"""Font files by name, which characters they have, and fallback along a list of them."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import regex
from fontTools.ttLib import TTCollection, TTFont, TTLibError
from PIL import ImageFont

FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts")
_CLUSTER = regex.compile(r"\X")
_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cc}]+")
SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")


@dataclass(frozen=True)
class FontFile:
    """A face of a font file; `weight` of a variable one."""

    path: str
    index: int = 0
    weight: int | None = None

    def at(self, size: int) -> ImageFont.FreeTypeFont:
        """The font at a size in pixels."""
        return _loaded(self, size)

    def has(self, text: str) -> bool:
        """Whether it has a glyph for every visible character."""
        return {ord(c) for c in _INVISIBLE.sub("", text)} <= _characters(self.path, self.index)


Typeface = Sequence[FontFile]
"""A font and those that stand in for characters that it lacks, in this order."""


@lru_cache(maxsize=1024)
def _loaded(font: FontFile, size: int) -> ImageFont.FreeTypeFont:
    loaded = ImageFont.truetype(font.path, size, font.index, layout_engine=ImageFont.Layout.RAQM)
    if font.weight is not None:
        axes = loaded.get_variation_axes()
        loaded.set_variation_by_axes(
            [font.weight if _tells_weight(axis["name"]) else axis["default"] or 0 for axis in axes]
        )
    return loaded


def _tells_weight(name: bytes | str) -> bool:
    return (name.decode() if isinstance(name, bytes) else name).lower() == "weight"


@cache
def _characters(path: str, index: int) -> frozenset[int]:
    with TTFont(path, fontNumber=index, lazy=True) as font:
        return frozenset(font.getBestCmap())


def find_font(name: str, folder: Path) -> FontFile:
    """A font by `FILE`, `FILE#INDEX` within a collection or `FILE@WEIGHT` of a variable one.

    Args:
        name: a path, relative to `folder`, or the name of a file in a font folder of the system or of an installed
            `fontpkg-...` package.

    Raises:
        ValueError: there is no such file or it is no font; the sentence says so.
    """
    file, _, weight = name.partition("@")
    file, _, index = file.partition("#")
    if not (index or "0").isdecimal() or not (weight or "0").isdecimal():
        raise ValueError(f"font {name!r}: write FILE, FILE#INDEX or FILE@WEIGHT with whole numbers.")
    path = folder / Path(file).expanduser()
    if not path.is_file():
        found = _installed().get(file)
        if found is None:
            raise ValueError(f"font {file!r}: there is no such file in {folder} or in a font folder; install it.")
        path = Path(found)
    font = FontFile(str(path), int(index or 0), int(weight) if weight else None)
    _check(font, name)
    return font


def _check(font: FontFile, name: str) -> None:
    try:
        if font.path.lower().endswith(("ttc", "otc")):
            with TTCollection(font.path, lazy=True) as collection:
                if font.index >= len(collection.fonts):
                    raise ValueError(f"font {name!r}: the collection has {len(collection.fonts)} fonts, from #0 on.")
        font.at(16)
        font.has("a")
    except (OSError, TTLibError, AttributeError) as error:
        what = "has no weights to choose from" if font.weight is not None else "is not a font"
        raise ValueError(f"font {name!r}: {font.path} {what} ({error}).") from error


@cache
def _installed() -> dict[str, str]:
    """Paths of installed fonts by file name."""
    packaged = (folder for path in sys.path if path for folder in sorted(Path(path).glob("fontpkg_*/files")))
    folders = [*(Path(folder).expanduser() for folder in FOLDERS), *packaged]
    if sys.platform == "win32":
        folders.append(Path(os.environ["WINDIR"]) / "Fonts")
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.suffix.lower() in SUFFIXES:
                found.setdefault(path.name, str(path))
    return found


def missing(text: str, typeface: Typeface) -> str:
    """The first character, as a reader sees it, that no font has; empty if there is none."""
    return next((cluster for cluster in _clusters(text) if not any(font.has(cluster) for font in typeface)), "")


def by_font(text: str, typeface: Typeface) -> Iterator[tuple[FontFile, str]]:
    """The text in runs of one font each: for every character the first that has it.

    Spaces and what joins characters stay in the run before them, so that they do not split it.
    """
    run, current = "", typeface[0]
    for cluster in _clusters(text):
        if cluster.isspace() and run:
            run += cluster
            continue
        font = next((font for font in typeface if font.has(cluster)), typeface[0])
        if font != current and run:
            yield current, run
            run = ""
        run, current = run + cluster, font
    if run:
        yield current, run


def _clusters(text: str) -> list[str]:
    return [cluster for cluster in _CLUSTER.findall(text) if cluster not in {"\n", "\r\n"}]
