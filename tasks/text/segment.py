"""Word segmentation and part-of-speech tagging for Chinese and English, also mixed within one sentence.

A text is split into runs of one script. Han runs go to jieba (`rjieba`, its Rust port), Latin runs to spaCy's English
tagger; anything else is split at word boundaries and left untagged (`X`). Both languages get Universal POS tags
(universaldependencies.org/u/pos). Neither library is imported before its script occurs.
"""

import functools
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

import regex

Word = tuple[str, str]  # the word, its Universal POS tag

_EMOJI = r"[\p{Extended_Pictographic}\p{Regional_Indicator}--[©®™]]"
_SIGN = rf"[^\p{{L}}{_EMOJI}]"  # digits, punctuation, spaces, accents: common to all scripts
_LATIN, _CHINESE = r"\p{Latin}", r"\p{Han}"
_FOREIGN = r"[\p{L}--\p{Latin}--\p{Han}]"


def _run_of(letter: str) -> str:
    """Pattern from a letter to the last one before a letter of another script or an emoji."""
    return rf"{letter}(?:[{letter}{_SIGN}]*{letter})?\p{{M}}*"


_RUN = regex.compile(
    rf"""(?V1sx)
      (?P<emoji> (?={_EMOJI}) \X )
    | (?P<latin> \p{{Nd}}* {_run_of(_LATIN)} \p{{Nd}}* )
    | (?P<han> {_run_of(_CHINESE)} )
    | (?P<foreign> {_run_of(_FOREIGN)} )
    | (?P<sign> \p{{Nd}}+ | . )"""
)
_PIECE = regex.compile(r"\p{L}[\p{L}\p{M}\p{Nd}'’\u200c\u200d]*|\p{Nd}+(?:[.,]\p{Nd}+)*|[^\s\p{L}\p{Nd}]\p{M}*")
_ANY_EMOJI = regex.compile(rf"(?V1){_EMOJI}")
_HAN = regex.compile(r"\p{Han}")

# jieba's tags (ICTCLAS) by longest matching prefix; words_zh.txt corrects single words.
_UPOS = {
    **{"a": "ADJ", "ad": "ADV", "b": "ADJ", "c": "CCONJ", "d": "ADV", "e": "INTJ", "f": "ADP", "g": "X", "h": "PART"},
    **{"i": "NOUN", "j": "NOUN", "k": "PART", "l": "NOUN", "m": "NUM", "n": "NOUN", "nr": "PROPN", "ns": "PROPN"},
    **{"nt": "PROPN", "nz": "PROPN", "o": "ADV", "p": "ADP", "q": "NOUN", "r": "PRON", "s": "NOUN", "t": "NOUN"},
    **{"u": "PART", "ug": "AUX", "ul": "AUX", "uz": "AUX", "v": "VERB", "vn": "NOUN", "x": "X", "y": "PART"},
    **{"z": "ADJ", "zg": "VERB"},
}


def segment(texts: Sequence[str]) -> list[list[Word]]:
    """The words of each text with their tags, in order, including punctuation and emoji but not white space.

    The English runs of all texts are tagged in batches; the result for a text depends only on that text.
    """
    runs = [script_runs(text) for text in texts]
    english = iter(_english([piece for row in runs for script, piece in row if script == "latin"]))
    return [[word for script, piece in row for word in _words(script, piece, english)] for row in runs]


def script_runs(text: str) -> list[tuple[str, str]]:
    """Splits a text into (script, piece), script one of han, latin, foreign, emoji, sign; no character is lost.

    Digits and signs join the run before them, or else the one after; they form a run of their own only in a text
    without letters.
    """
    runs: list[tuple[str, str]] = []
    for match in _RUN.finditer(text):
        script, piece = str(match.lastgroup), match.group()
        last, before = runs[-1] if runs else ("", "")
        if script != "emoji" and last not in ("", "emoji") and (script == "sign" or last in ("sign", script)):
            runs[-1] = (last if script == "sign" else script, before + piece)
        else:
            runs.append((script, piece))
    return runs


def _words(script: str, piece: str, english: Iterator[list[Word]]) -> list[Word]:
    if script == "latin":
        return next(english)
    if script == "han":
        return [word for token, tag in _jieba()(piece) if token.strip() for word in _chinese(token, tag)]
    if script == "emoji":
        return [(piece, "SYM")]
    return [(token, sign_tag(token) or "X") for token in _PIECE.findall(piece)]


def _chinese(word: str, tag: str) -> list[Word]:
    # 戴着, 拍打着: a verb and the durative particle, which jieba often keeps as one word with an arbitrary tag
    if word[-1] == "着" and (len(word) > 2 or tag[0] == "u"):
        stem = _jieba()(word[:-1])
        if len(stem) == 1 and stem[0][1][0] == "v":
            return [(word[:-1], "VERB"), ("着", "AUX")]
    if corrected := _corrections().get(word):
        return [(word, corrected)]
    if tag.startswith("nr") and len(word) > 3 and "·" not in word:
        return [
            (word, "NOUN")
        ]  # 阳光明媚 "bright sunshine": jieba takes it for a person's name, but it is too long for one
    return [(word, sign_tag(word) or _UPOS.get(tag[:2]) or _UPOS.get(tag[:1], "X"))]


def sign_tag(token: str) -> str:
    """NUM, PUNCT or SYM for a token without letters, "" for a word."""
    if any(character.isalpha() for character in token):
        return ""
    return {"N": "NUM", "P": "PUNCT", "S": "SYM"}.get(unicodedata.category(token[0])[0], "")


def _english(texts: list[str]) -> list[list[Word]]:
    if not texts:
        return []
    from tasks.text.english import tag  # spaCy takes a second to import

    return [[(word, sign_tag(word) or pos) for word, pos in row] for row in tag(texts)]


def is_content(word: str, tag: str) -> bool:
    """Whether a word is visual content: a noun, name, verb or adjective that is not a stop word, or an emoji."""
    if tag == "SYM":
        return bool(_ANY_EMOJI.match(word))
    return tag in {"NOUN", "PROPN", "VERB", "ADJ"} and word.lower() not in _stops(bool(_HAN.search(word)))


@functools.cache
def _stops(chinese: bool) -> frozenset[str]:
    """Stop words, except those that a picture can show: 人 people, 光 light, 日 sun, 月 moon."""
    if chinese:
        from stopwordsiso import stopwords

        return frozenset(stopwords("zh")) - set("人光大小日月打看拿望冲")
    from tasks.text.english import STOPS

    return STOPS


@functools.cache
def _jieba() -> Callable[[str], list[Word]]:
    """jieba's tagger: words with its own (ICTCLAS) tags."""
    import rjieba

    return rjieba.tag


@functools.cache
def _corrections() -> dict[str, str]:
    """Universal POS tags of Chinese words that jieba tags wrongly."""
    lines = files("tasks.text").joinpath("words_zh.txt").read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if line and line[0] != "#"]
    return {word: tag for tag, *words in rows for word in words}
