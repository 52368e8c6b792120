"""Words and parts of speech, Chinese and English, also within one sentence.

A text is cut into runs of one script. Han runs go to jieba (`rjieba`, its Rust port), Latin runs to spaCy's English
tagger, anything else is cut at word boundaries and left untagged (`X`). Both languages get Universal POS tags
(universaldependencies.org/u/pos). Neither library is imported before its script occurs.
"""

import functools
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

import regex

Word = tuple[str, str]  # the word, its Universal POS tag

_EMOJI = r"[\p{Extended_Pictographic}\p{Regional_Indicator}--[©®™]]"
_SIGN = rf"[^\p{{L}}{_EMOJI}]"  # digits, punctuation, spaces, accents: of no script
_LATIN, _CHINESE = r"\p{Latin}", r"\p{Han}"
_FOREIGN = r"[\p{L}--\p{Latin}--\p{Han}]"


def _run_of(letter: str) -> str:
    """From a letter to the last one that no letter of another script and no emoji comes before."""
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

# jieba's tags (ICTCLAS) by their first letters, the longest that fits; words_zh.txt mends single words.
_UPOS = {
    **{"a": "ADJ", "ad": "ADV", "b": "ADJ", "c": "CCONJ", "d": "ADV", "e": "INTJ", "f": "ADP", "g": "X", "h": "PART"},
    **{"i": "NOUN", "j": "NOUN", "k": "PART", "l": "NOUN", "m": "NUM", "n": "NOUN", "nr": "PROPN", "ns": "PROPN"},
    **{"nt": "PROPN", "nz": "PROPN", "o": "ADV", "p": "ADP", "q": "NOUN", "r": "PRON", "s": "NOUN", "t": "NOUN"},
    **{"u": "PART", "ug": "AUX", "ul": "AUX", "uz": "AUX", "v": "VERB", "vn": "NOUN", "x": "X", "y": "PART"},
    **{"z": "ADJ", "zg": "VERB"},
}


def segment(texts: Sequence[str]) -> list[list[Word]]:
    """The words of each text with their tags, in order, punctuation and emoji included, white space left out.

    The English runs of all texts go through the tagger in batches; a text's words depend on that text alone.
    """
    runs = [script_runs(text) for text in texts]
    english = iter(_english([piece for row in runs for script, piece in row if script == "latin"]))
    return [[word for script, piece in row for word in _words(script, piece, english)] for row in runs]


def script_runs(text: str) -> list[tuple[str, str]]:
    """Cuts a text into (script, piece), script one of han, latin, foreign, emoji, sign; no character is lost.

    Digits and signs go on with the run before them, or begin the one after; they are a run by themselves only where
    there is no letter.
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
        return [word for found, tag in _jieba()(piece) if found.strip() for word in _chinese(found, tag)]
    if script == "emoji":
        return [(piece, "SYM")]
    return [(token, sign_tag(token) or "X") for token in _PIECE.findall(piece)]


def _chinese(word: str, tag: str) -> list[Word]:
    # 戴着, 拍打着: a verb and the particle of a lasting state, which jieba often keeps as one word of any tag
    if word[-1] == "着" and (len(word) > 2 or tag[0] == "u"):
        stem = _jieba()(word[:-1])
        if len(stem) == 1 and stem[0][1][0] == "v":
            return [(word[:-1], "VERB"), ("着", "AUX")]
    if mended := _mended().get(word):
        return [(word, mended)]
    if tag.startswith("nr") and len(word) > 3 and "·" not in word:
        return [(word, "NOUN")]  # 阳光明媚 "bright sunshine": too long for the person's name that jieba takes it for
    return [(word, sign_tag(word) or _UPOS.get(tag[:2]) or _UPOS.get(tag[:1], "X"))]


def sign_tag(token: str) -> str:
    """NUM, PUNCT or SYM for what has no letters, "" for a word."""
    if any(character.isalpha() for character in token):
        return ""
    return {"N": "NUM", "P": "PUNCT", "S": "SYM"}.get(unicodedata.category(token[0])[0], "")


def _english(texts: list[str]) -> list[list[Word]]:
    if not texts:
        return []
    from tasks.text.english import tag  # spaCy takes a second to import

    return [[(word, sign_tag(word) or pos) for word, pos in row] for row in tag(texts)]


def is_content(word: str, tag: str) -> bool:
    """Whether a word says what is to be seen: nouns, names, verbs, adjectives that are no stop words, and emoji."""
    if tag == "SYM":
        return bool(_ANY_EMOJI.match(word))
    return tag in {"NOUN", "PROPN", "VERB", "ADJ"} and word.lower() not in _stops(bool(_HAN.search(word)))


@functools.cache
def _stops(chinese: bool) -> frozenset[str]:
    """Stop words, less those that a picture can show: 人 people, 光 light, 日 sun, 月 moon."""
    if chinese:
        from stopwordsiso import stopwords

        return frozenset(stopwords("zh")) - set("人光大小日月打看拿望冲")
    from tasks.text.english import STOPS

    return STOPS


@functools.cache
def _jieba() -> Callable[[str], list[Word]]:
    """jieba's tagger: words with tags of its own."""
    import rjieba

    return rjieba.tag


@functools.cache
def _mended() -> dict[str, str]:
    """Tags of single Chinese words that are better known than jieba's."""
    lines = files("tasks.text").joinpath("words_zh.txt").read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if line and line[0] != "#"]
    return {word: tag for tag, *words in rows for word in words}
