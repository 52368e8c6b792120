"""The language of a text: East Asian ones by their script, those in Latin letters by a detector.

The detector is py3langid 0.4.0 (BSD-3-Clause; langid.py, Lui & Baldwin 2012), kept to the languages below: prompts are
short, and of a hundred languages some rare one would often win.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LATIN = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "cs", "tr", "vi", "id")
SURE, SURE_OF_TWO = 0.75, 0.9  # the least probability of a language other than English; of a text of two words
_HAN, _LATIN = regex.compile(r"\p{Han}"), regex.compile(r"\p{Latin}")
_KANA, _HANGUL = regex.compile(r"[\p{Hiragana}\p{Katakana}]"), regex.compile(r"\p{Hangul}")


def language(words: Sequence[str]) -> str:
    """The ISO 639-1 code of a text's language, from its words.

    Chinese characters stand against Latin words; "mixed" if the rarer makes up a quarter or more. Kana says Japanese,
    Hangul Korean; texts mostly in other scripts, or in none, are "other".
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
    text = " ".join(words)
    if _KANA.search(text) and latin <= han + other:
        return "ja"
    if han + latin == 0 or other > (han + latin) / 2:
        return "ko" if _HANGUL.search(text) else "other"
    if min(han, latin) * 4 >= han + latin:
        return "mixed"
    return "zh" if han > latin else _latin_language([word for word in words if _LATIN.search(word)])


def _latin_language(words: Sequence[str]) -> str:
    """Of words in Latin letters; English unless another is likely. One word without an accent tells too little."""
    text = " ".join(words)
    if len(words) == 1 and text.isascii():
        return "en"
    found, probability = _detector().classify(text)
    sure = probability > SURE_OF_TWO if len(words) <= 2 and text.isascii() else probability >= SURE
    return str(found) if sure else "en"


@cache
def _detector() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector.set_languages(LATIN)
    return detector
