"""Reads a clause of an English instruction that is about the finished picture: its shape, or a quality of it."""

import re

from tasks.adjust.phrases import Context, crop_step
from tasks.adjust.plan import PlanStep, Refused, filter_step
from tasks.adjust.qualities import Said
from tasks.adjust.words import ENGLISH_ADJECTIVES, ENGLISH_NOUNS, ENGLISH_ROLES, ENGLISH_SCOPES
from tasks.datasets.emoji.things import known_as

_GREY = r"(?:black&white|black[- ]and[- ]white|b&w|b/w|monochrome|greyscale|grey scale)"
_IT = r"(?:it |this |the (?:picture|image|photo|whole thing|size|resolution) |everything )?"
_DO = r"(?:(?:make|turn|convert|change|set|crop|cut|trim) )?"
_WHITE = (
    r"(?:fix|correct|adjust|repair|balance) (?:the )?white[- ]balance|white[- ]balance(?: it)?|"
    r"(?:remove|fix|correct|get rid of) (?:the |any )?colour cast|neutral(?:ise)? (?:the )?colours"
)
_CROP = (
    rf"(?:crop|cut|trim) {_IT}(?:to |into |in )?(?:a |an )?(\d+) ?(?:[:x/]|by|to) ?(\d+)"
    r"(?: (?:landscape|portrait|format|ratio|aspect ratio))?"
)
_TIMES = r"(2|two|double|twice|4|four|quadruple|3|three|8|eight|1.5)"
_SIZE = r"(?:larger|bigger|as large|as big|the size|its size|the resolution|higher resolution|resolution|size)"
_LARGER = (
    rf"(?:make |scale |upscale |enlarge |increase |blow )?{_IT}(?:up )?(?:to |by )?{_TIMES}(?:[ -]?x|[ -]times|-fold)?"
    rf"(?: (?:the )?{_SIZE})?(?: (?:it|as it is))?"
)
_COMPLAINTS = {"washed-out", "dull", "noisy", "grainy", "blurry", "flat", "pale", "dark", "dim"}
_COLOUR_NOUNS = {"yellow", "orange", "green", "blue", "light", "magenta"}
_WEAK = {"colour", "colours", "intensity", "light"}
# Ways to say more or less that are several words.
_PHRASES = (
    (r"\b(?:not|less) (?:quite )?(?:so|as|too|that|very) (?:much )?", "less "),
    (r"\b(?:tone|turn|dial|bring|take) (?:(it|that|them|this) )?down\b", r"reduce \1"),
    (r"\bget rid of\b|\btake (?:away|out)\b|\bclean (?:up|away)\b", "remove"),
    (r"\b(?:is )?not enough\b|\black(?:s|ing)?\b", "more"),
    (r"washed out", "washed-out"),
    (r"as possible", "possible"),
    (r"as much", "much"),
    (r"local contrast", "details"),
    (r"\b(?:bring|pull) (?:out|up)\b|\b(?:turn|bump) up\b", "increase"),
    (r"\b(cool|warm) (?:it|that|them|this) (?:down|up)\b", r"\1er"),
    (r"\bby (?:a )?half\b|\bhalf as\b", "less 50%"),
)


def shape(text: str, context: Context) -> list[PlanStep] | None:
    """Black and white, white balance, crops and enlargements."""
    if re.fullmatch(rf"{_DO}{_IT}(?:to |into |in |be )?(?:a )?{_GREY}(?: picture| image| photo)?", text):
        return [PlanStep("saturation", 0)]
    if re.fullmatch(_WHITE, text):
        return [PlanStep("white-balance", "grey-edge")]
    if m := re.fullmatch(_CROP, text):
        return [crop_step(int(m[1]), int(m[2]))]
    if re.fullmatch(rf"{_DO}{_IT}(?:to |into )?(?:a )?square(?: crop| format)?", text):
        return [crop_step(1, 1)]
    m = re.fullmatch(_LARGER, text)
    if m and re.search(r"x\b|times|large|big|size|resol|scale|double|twice|quadruple", text):
        return [_upscaled(m[1])]
    return None


def _upscaled(word: str) -> PlanStep:
    times = {"2": 2, "two": 2, "double": 2, "twice": 2, "4": 4, "four": 4, "quadruple": 4}.get(word)
    if times is None:
        raise Refused(f"{word} times as large cannot be done; upscale makes pictures 2 or 4 times as large.")
    return PlanStep("upscale", times)


def quality(text: str, context: Context) -> list[PlanStep] | None:
    """A quality, a direction and an amount in any order, with nothing left over but a thing that it is confined to."""
    for pattern, plain in _PHRASES:
        text = re.sub(pattern, plain, text)
    said, text, rest = _heard(text)
    heard = said.one(_WEAK)
    if heard is None:
        return None if said.found else _again(text, said, rest, context)
    if re.search(r"\b(?:is|looks?|seems|appears|are)\b", text) and not re.search(r"\bshould\b|\bmake\b", text):
        said.too |= not said.sign and heard.word in _COMPLAINTS  # `it is noisy` complains without a `too`
    if heard.word == "denoise":
        said.sign = 1
    bare = not (said.sign or said.too) and said.low > 0
    if (heard.word in ENGLISH_NOUNS and bare) or (heard.word in _COLOUR_NOUNS and (rest or bare)):
        return None
    if re.search(r"\b(?:no|without|remove|rid)\b", text) and heard.filter not in {"denoise", "repair"}:
        return [PlanStep("saturation", 0)] if heard.word in {"colour", "colours"} and not rest else None
    scope = _scope(rest) if rest else None
    if rest and scope is None:
        return None
    total = said.total(heard.direction)
    return context.changed(filter_step(heard.filter, total, said.amount, said.percent), scope, total)


def _heard(text: str) -> tuple[Said, str, str]:
    """What the words say, the text without its percentage, and the words that are not known."""
    if m := re.search(r"\bto (\d+)%", text):
        text = re.sub(r"\b(?:increase|raise|reduce|decrease|lower)\b", " ", text.replace(m[0], " "))
        text += f" {'more' if float(m[1]) > 100 else 'less'} {abs(float(m[1]) - 100):g}%"
    said = Said()
    if m := re.search(r"(?:by )?(\d+(?:\.\d+)?)%", text):
        said.percent, text = float(m[1]), text.replace(m[0], " ")
    rest = [
        word
        for word in text.split()
        if not said.hear(word, ENGLISH_ADJECTIVES.get(word) or ENGLISH_NOUNS.get(word), ENGLISH_ROLES.get(word))
    ]
    return said, text, " ".join(rest)


def _again(text: str, said: Said, rest: str, context: Context) -> list[PlanStep] | None:
    """`tone it down`, `a lot more`: the quality of the clause before, in the direction said now."""
    if rest or not said.sign or context.note is None or not re.search(r"\bit\b|\bthat\b", text):
        return None
    name, before = context.note
    if before == said.sign:  # `too much contrast, tone it down` says one thing twice
        return []
    return [filter_step(name, said.sign, said.amount, said.percent)]


def _scope(text: str) -> str | None:
    text = re.sub(r"^(?:only|just|the|in|of) ", "", text)
    return ENGLISH_SCOPES.get(text) or known_as(text)
