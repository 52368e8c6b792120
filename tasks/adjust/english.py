"""Reads a clause of an English instruction. Every word must be accounted for, so that nothing is passed over."""

import re

from tasks.adjust import english_picture as picture
from tasks.adjust import english_scene as scene
from tasks.adjust.phrases import Context
from tasks.adjust.plan import PlanStep
from tasks.adjust.words import ENGLISH_NOUNS, ENGLISH_SCOPES
from tasks.datasets.emoji.things import known_as

_POLITE = re.compile(
    r"^(?:(?:please|now|also|just|but|and|then|first|finally|next|maybe|hey|ok|okay|well|so|i think|can you|could you|"
    r"would you|will you|i would like to|i would like you to|i want to|i want you to|i would prefer to|let's|let us|"
    r"you should|try to|kindly)\b[ ,]*)+"
)
_TAIL = re.compile(r"(?:[ ,]+(?:please|too|as well|also|for me|now|thanks|thank you|if you can|if possible))+$")
_SPELT = {
    "color": "colour",
    "colors": "colours",
    "colorful": "colourful",
    "gray": "grey",
    "recolor": "recolour",
    "grayscale": "greyscale",
    "center": "centre",
}
_SPLIT = re.compile(
    r"\s*(?:(?=\bwithout changing\b)|(?:\bsame\b|\bpicture\b)(?= with\b)|[,;.!?]+(?:\s|$)|"
    r"\b(?:and then|and also|then|but also|but rather|but|and|plus|yet)\b)\s*"
)


def clauses(text: str) -> list[str]:
    """The instruction cut into clauses, each in lower case and without words of politeness."""
    text = " ".join(text.lower().replace("’", "'").split())
    text = re.sub(r"\b(do|does|should|is|are|must|ca)n't\b", r"\1 not", text).replace("dont", "do not")
    text = re.sub(r"\b(it|that)'s\b", r"\1 is", text).replace("i'd", "i would").replace("i'm", "i am")
    text = " ".join(_SPELT.get(word, word) for word in text.split(" "))
    text = re.sub(r"(\d)\s*(?:percent|per cent)", r"\1%", text)
    text = re.sub(r"\b(black) and (white)\b", r"\1&\2", text)
    text = re.sub(r"(\d)\s*%", r"\1%", text)
    parts = []
    for part in _SPLIT.split(re.sub(r"(\d)\.(\d)", r"\1\0\2", text)):
        clean = _TAIL.sub("", _POLITE.sub("", part.replace("\0", ".").strip(" '\""))).strip()
        parts += [clean] if clean else []
    return parts


def _kept(text: str, context: Context) -> list[PlanStep] | None:
    """What is to stay as it is asks for nothing."""
    if m := re.fullmatch(
        r"(?:keep|leave) (.+?) (?:as (?:it|they) (?:is|are)|alone|unchanged|the same|untouched)", text
    ):
        return [] if _about(m[1], context) else None
    if re.fullmatch(r"(?:the )?same(?: picture| image)?(?: with)?|everything (?:else )?(?:stays |is |stays as |as )?"
                    r"(?:the same|it is|as it is)|nothing else", text):  # fmt: skip
        return []
    if m := re.fullmatch(r"(?:keep|leave) (.+)", text):
        return [] if _about(m[1], context) else None
    if re.fullmatch(
        r"not (?:too|so|that|very) (?:much|strongly|far)|only a (?:bit|little)|just a (?:bit|little)", text
    ):
        return context.soften()
    if m := re.fullmatch(r"without changing (?:the )?(.+)", text):
        return [] if _about(m[1], context) else None
    m = re.fullmatch(r"(?:do not|never|not) (.+)", text)
    if m and not re.match(r"(?:so|too|as|that|quite as|want|show|include)\b", m[1]):
        inner = m[1].removeprefix("change the ").removeprefix("change ").removeprefix("touch the ")
        if _about(inner, context):
            return []
        return [] if picture.quality(m[1], context.copy()) or scene.removed(m[1], context.copy()) else None
    return None


def _about(text: str, context: Context) -> bool:
    """Whether something is known that may stay as it is; a part of the picture is noted."""
    text = re.sub(r"^(?:the|its|everything) ?", "", text)
    others = {*ENGLISH_NOUNS, "", "else", "size", "scene", "rest", "place", "picture"}
    part = ENGLISH_SCOPES.get(text) or (None if text in others else known_as(text))
    context.kept += [part] if part else []
    return part is not None or text in others


RULES = (
    _kept,
    picture.shape,
    picture.quality,
    scene.scenery,
    scene.counted,
    scene.replaced,
    scene.moved,
    scene.coloured,
    scene.removed,
    scene.added,
)
