"""Shot sizes, as a script says them or by what a panel shows."""

import re
from typing import Literal, get_args

Shot = Literal["wide", "full", "medium", "close", "extreme close"]
SHOTS: tuple[Shot, ...] = get_args(Shot)
# In order: the longer word first.
_WORDS: dict[Shot, tuple[str, tuple[str, ...]]] = {
    "extreme close": (r"extreme close(?:[- ]up)?|ECU|XCU|macro", ("大特写",)),
    "close": (r"close(?:[- ]up|(?:s|d)? (?:on|in))|CU|insert|tight on|detail", ("特写", "近景")),
    "wide": (
        r"extreme wide|wide(?: shot| angle)?|establishing|aerial|long shot|WS|EWS|LS|panorama",
        ("远景", "大全景", "全景", "航拍", "空镜"),
    ),
    "full": (r"full shot|FS", ("小全景",)),
    "medium": (r"medium(?: shot| close(?:[- ]up)?)|MCU|MS|two[- ]shot", ("中景", "中近景")),
}  # fmt: skip
PHRASES: dict[Shot, tuple[str, str]] = {
    "wide": ("wide establishing shot", "远景镜头"),
    "full": ("full shot", "全景镜头"),
    "medium": ("medium shot", "中景镜头"),
    "close": ("close-up", "特写镜头"),
    "extreme close": ("extreme close-up", "大特写镜头"),
}
"""How a prompt says a shot, in English and Chinese."""


def shot_of(text: str) -> Shot | None:
    """The shot that a text begins with or says of itself: `CLOSE ON`, `Close-up of`, `WIDE:`, `特写：`; else None."""
    for shot, (english, chinese) in _WORDS.items():
        found = re.match(rf"\s*(?:{english})\b", text, re.IGNORECASE)
        if found and (found[0].isupper() or re.match(r"\s*(?:(?:of|on)\b|[:,]|$)", text[found.end() :])):
            return shot  # in capitals or with what directions have after them, so no word of a story
        if any(re.search(rf"(?:^|[。！？\s]){word}(?:[：:，,镜\s]|$)", text) for word in chinese):
            return shot
    return None


def usual_shot(first: bool, people: int, spoken: bool) -> Shot:
    """The shot of a panel of which the script says none: the scene's first is wide, a line is close to its speaker."""
    if first:
        return "wide"
    if spoken and people <= 1:
        return "close"
    return "medium" if people <= 2 else "full"
