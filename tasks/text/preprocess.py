"""Preprocess: each row's text made clean, or refused with a reason; its words, parts of speech and keywords.

What is cleaned: text is brought to Unicode's composed form (NFC), full-width letters and digits to the usual ones,
white space is folded, control characters and invisible formatting are taken out. Not NFKC: that would turn Chinese
punctuation into Western, ½ into 1/2 and ² into 2, which the encoder has learnt as they are.

What is refused: what is not text, nothing but white space or signs, too long, or damaged (a NUL or half of a
surrogate pair, as binary data and broken decoding leave them).
"""

import math
import numbers
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import regex
from pydantic import BaseModel, Field

from tasks.text.segment import is_content, segment

_FULL_WIDTH = {code: code - 0xFEE0 for first, last in ("０９", "Ａｚ") for code in range(ord(first), ord(last) + 1)}
# The brackets between Ｚ and ａ are punctuation, which stays as it is.
_FULL_WIDTH = {code: plain for code, plain in _FULL_WIDTH.items() if chr(plain).isalnum()}
_DAMAGED = regex.compile(r"[\x00\ud800-\udfff]")
_SPACE = regex.compile(r"\s+")
# Format characters go, save those that join: U+200C, U+200D hold emoji families and Indic and Persian letters together,
# and tags (U+E0020...) spell flags.
_INVISIBLE = regex.compile(
    r"(?V1)[\p{Cc}--\s]|\p{Noncharacter_Code_Point}|[\p{Cf}--[\u200c\u200d\U000E0020-\U000E007F]]"
)
_SAYS_SOMETHING = regex.compile(r"(?V1)[\p{L}\p{N}\p{So}\p{Extended_Pictographic}--\uFFFD]")
_HAN, _LATIN = regex.compile(r"\p{Han}"), regex.compile(r"\p{Latin}")

Language = Literal["zh", "en", "mixed", "other"]


class PreprocessOptions(BaseModel):
    """What the encoder is given, and which rows are refused."""

    text: Literal["full", "content-words"] = "full"
    """What the encoder sees: the full text, or its nouns, verbs and adjectives only (that loses `no` and `without`)."""
    max_characters: Annotated[int, Field(ge=1)] = 2000
    """Longer rows are refused."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row fit to be rendered. `tokens` and `pos` (Universal POS tags) belong together, one for one."""

    text: str
    encoder_text: str
    language: Language
    tokens: list[str]
    pos: list[str]
    keywords: list[str]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be rendered, and why, in one sentence."""

    reason: str


def preprocess(texts: Sequence[object], options: PreprocessOptions) -> list[Prepared | Rejected]:
    """One entry for each row, in order; it depends on that row alone, and distinct texts are worked on once.

    A bad row never raises: it comes back as `Rejected`.
    """
    cleaned = [_clean(text, options.max_characters) for text in texts]
    distinct = list(dict.fromkeys(text for text in cleaned if isinstance(text, str)))
    prepared = {text: _prepare(text, words, options) for text, words in zip(distinct, segment(distinct), strict=True)}
    return [prepared[text] if isinstance(text, str) else text for text in cleaned]


def _clean(text: object, max_characters: int) -> str | Rejected:
    if not isinstance(text, str):
        return Rejected(_not_text(text))
    if len(text) > max_characters:
        size = f"{len(text):,} characters, more than the {max_characters:,} allowed"
        return Rejected(f"The text has {size}: shorten it, or raise max_characters.")
    if damage := _DAMAGED.search(text):
        what = "a NUL" if damage.group() == "\0" else "half of a surrogate pair"
        return Rejected(f"The text is damaged: it has {what} at character {damage.start() + 1}; decode it as UTF-8.")
    clean = unicodedata.normalize("NFC", _INVISIBLE.sub("", str(text)).translate(_FULL_WIDTH))
    clean = _SPACE.sub(" ", clean).strip()
    if not clean:
        return Rejected("The text is empty.")
    if not _SAYS_SOMETHING.search(clean):
        return Rejected(f"The text has no words, only {clean[:20]!r}.")
    return clean


def _not_text(value: object) -> str:
    no_number = isinstance(value, numbers.Real) and math.isnan(value)
    if value is None or no_number or type(value).__name__ in ("NAType", "NaTType"):  # pandas' own nothings
        return "The text is missing."
    return f"The value is not text but of the type {type(value).__name__}: give the row a text."


def _prepare(text: str, words: list[tuple[str, str]], options: PreprocessOptions) -> Prepared:
    distinct: dict[str, str] = {}
    for word, tag in words:
        if is_content(word, tag):
            distinct.setdefault(word.casefold(), word)
    keywords = list(distinct.values())
    tokens = [word for word, _ in words]
    spoken = language(tokens)
    # what has no content words ("what is it?") or is in a language without a tagger is seen as it is
    reduced = options.text == "content-words" and keywords and spoken != "other"
    return Prepared(
        text=text,
        encoder_text=" ".join(keywords) if reduced else text,
        language=spoken,
        tokens=tokens,
        pos=[tag for _, tag in words],
        keywords=keywords,
    )


def language(words: Sequence[str]) -> Language:
    """By script: Chinese characters against Latin words; "mixed" where the rarer is a quarter or more of the two.

    Latin script counts as English. Words mostly of other scripts, or of none, are "other"; so is Japanese, by its kana.
    """
    han = latin = other = 0
    for word in words:
        letters = sum(character.isalpha() for character in word)
        if _HAN.search(word):
            han += letters
        elif _LATIN.search(word):
            latin += 1
        else:
            other += letters
    if han + latin == 0 or other > (han + latin) / 2:
        return "other"
    if min(han, latin) * 4 >= han + latin:
        return "mixed"
    return "zh" if han > latin else "en"
