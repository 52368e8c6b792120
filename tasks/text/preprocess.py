"""Preprocess: cleans each row's text or rejects it with a reason; finds words, parts of speech and keywords.

Cleaning: Unicode normalisation to NFC, full-width letters and digits to ASCII ones, white space collapsed, control
characters and invisible formatting removed. Not NFKC: that would turn Chinese punctuation into Western, ½ into 1/2 and
² into 2, which the encoder knows as they are.

Rejected: values that are not text, texts of white space or punctuation only, texts that are too long or damaged (a NUL
or half of a surrogate pair, as left by binary data and broken decoding).
"""

import math
import numbers
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import regex
from pydantic import BaseModel, Field

from tasks.text.language import language
from tasks.text.prompt_syntax import plain
from tasks.text.segment import is_content, segment

_FULL_WIDTH = {code: code - 0xFEE0 for first, last in ("０９", "Ａｚ") for code in range(ord(first), ord(last) + 1)}
# The brackets between Ｚ and ａ are punctuation, which stays as it is.
_FULL_WIDTH = {code: plain for code, plain in _FULL_WIDTH.items() if chr(plain).isalnum()}
_DAMAGED = regex.compile(r"[\x00\ud800-\udfff]")
_SPACE = regex.compile(r"\s+")
# Format characters are removed, except joiners (U+200C, U+200D in emoji families, Indic and Persian words) and tag
# characters (U+E0020...), which spell flags.
_INVISIBLE = regex.compile(
    r"(?V1)[\p{Cc}--\s]|\p{Noncharacter_Code_Point}|[\p{Cf}--[\u200c\u200d\U000E0020-\U000E007F]]"
)
_SAYS_SOMETHING = regex.compile(r"(?V1)[\p{L}\p{N}\p{So}\p{Extended_Pictographic}--\uFFFD]")
TAGGED = ("zh", "en", "mixed")
"""Languages whose words have parts of speech that can be relied on."""


class PreprocessOptions(BaseModel):
    """What the encoder reads, and which rows are refused."""

    text: Literal["full", "content-words"] = "full"
    """What the encoder reads: the full text, or only its nouns, verbs and adjectives (without `no` and `without`)."""
    max_characters: Annotated[int, Field(ge=1)] = 2000
    """Rows with longer texts are refused."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The preprocessed text of a row. `pos` has the Universal POS tag of each of `tokens`; `notes` say what was made of
    signs that other tools give a meaning (prompt_syntax.py), which `encoder_text` and `tokens` are without."""

    text: str
    encoder_text: str
    language: str
    tokens: list[str]
    pos: list[str]
    keywords: list[str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be rendered, and why, in one sentence."""

    reason: str


def preprocess(texts: Sequence[object], options: PreprocessOptions) -> list[Prepared | Rejected]:
    """Preprocesses each row independently, and equal texts once; returns one entry per row, in order.

    A bad row never raises; it is returned as `Rejected`.
    """
    cleaned = [_clean(text, options.max_characters) for text in texts]
    distinct = list(dict.fromkeys(text for text in cleaned if isinstance(text, str)))
    read = [plain(text) for text in distinct]
    words_of = segment([text for text, _ in read])
    prepared = {
        text: _prepare(text, words, options, *found)
        for text, words, found in zip(distinct, words_of, read, strict=True)
    }
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
    if not _SAYS_SOMETHING.search(plain(clean)[0]):
        return Rejected(f"The text has no words, only {clean[:20]!r}.")
    return clean


def _not_text(value: object) -> str:
    no_number = isinstance(value, numbers.Real) and math.isnan(value)
    if value is None or no_number or type(value).__name__ in ("NAType", "NaTType"):  # pandas' missing values
        return "The text is missing."
    return f"The value is not text but of the type {type(value).__name__}: give the row a text."


def _prepare(
    text: str, words: list[tuple[str, str]], options: PreprocessOptions, read: str, notes: list[str]
) -> Prepared:
    distinct: dict[str, str] = {}
    for word, tag in words:
        if is_content(word, tag):
            distinct.setdefault(word.casefold(), word)
    keywords = list(distinct.values())
    tokens = [word for word, _ in words]
    text_language = language(tokens)
    # a text without content words ("what is it?") or in a language without a tagger is kept in full
    reduced = options.text == "content-words" and keywords and text_language in TAGGED
    return Prepared(
        text=text,
        encoder_text=" ".join(keywords) if reduced else read,
        language=text_language,
        tokens=tokens,
        pos=[tag for _, tag in words],
        keywords=keywords,
        notes=tuple(notes),
    )
