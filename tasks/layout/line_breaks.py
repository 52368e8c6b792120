"""Where lines may break: by UAX #14 (`uniseg`) and, in Chinese, Japanese and Thai, between phrases (`budoux`).

UAX #14 keeps kinsoku: no line begins with closing punctuation or ends with an opening bracket. BudouX knows phrases but
neither words of other scripts nor brackets ("Bu|y"), so its breaks count only where UAX #14 has one, too. Thai, for
which UAX #14 leaves the breaks to a dictionary, is broken by BudouX between Thai letters.
"""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from itertools import accumulate

import budoux
from uniseg.linebreak import line_break_units

SOFT_HYPHEN = "\u00ad"
_PARSERS = {
    "zh": "load_default_simplified_chinese_parser",
    "zh-hant": "load_default_traditional_chinese_parser",
    "ja": "load_default_japanese_parser",
    "th": "load_default_thai_parser",
}


@lru_cache(maxsize=4096)
def pieces(text: str, language: str) -> tuple[str, ...]:
    """The text cut at every opportunity for a line break; each piece keeps the spaces that follow it.

    Args:
        language: a BCP 47 tag, such as `zh-Hant`.
    """
    ends = _ends(line_break_units(text))
    parse = _phrases(language)
    if parse is not None:
        phrases = _ends(parse(text))
        if language.lower().startswith("th"):
            ends |= {end for end in phrases if end < len(text) and _thai(text[end - 1]) and _thai(text[end])}
        else:
            ends = {end for end in ends if end in phrases or text[end - 1].isspace() or text[end - 1] == SOFT_HYPHEN}
    cuts = sorted(ends | {len(text)})
    return tuple(text[start:end] for start, end in zip([0, *cuts], cuts, strict=False) if end > start)


@lru_cache(maxsize=4096)
def smaller_pieces(text: str, language: str) -> tuple[str, ...]:
    """As `pieces`, but also within phrases: for a box that a phrase is too wide for."""
    return pieces(text, "th") if language.lower().startswith("th") else tuple(line_break_units(text))


def _ends(parts: Iterable[str]) -> set[int]:
    return set(accumulate(len(part) for part in parts))


def _thai(character: str) -> bool:
    return "\u0e01" <= character <= "\u0e5b"


@cache
def _phrases(language: str) -> Callable[[str], list[str]] | None:
    """What cuts a text of a language into phrases, if something does."""
    tag = language.lower()
    traditional = tag.startswith(("zh-hant", "zh-tw", "zh-hk", "zh-mo"))
    loader = _PARSERS.get("zh-hant" if traditional else tag.split("-")[0])
    if loader is None:
        return None
    parse: Callable[[str], list[str]] = getattr(budoux, loader)().parse
    return parse
