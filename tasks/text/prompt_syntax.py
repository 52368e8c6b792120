"""Signs that some tools give a meaning in prompts: weights, alternatives, adapters. They are no words to paint.

plain("a (red:1.3) {cat|dog} <lora:ink:0.8>")
# "a red cat", and a note on each: what was made of it, and what to give instead
"""

import regex

_LORA = regex.compile(r"<(lora|lyco|hypernet|embedding):([^<>]*)>", regex.IGNORECASE)
_WEIGHT = regex.compile(r"[(\[]+([^()\[\]{}:]*[^()\[\]{}:\d\s]):\s*\d+(?:\.\d+)?\s*[)\]]+")
_CHOICE = regex.compile(r"\{([^{}|]*)\|[^{}]*\}")


def plain(text: str) -> tuple[str, list[str]]:
    """The text without such signs, and what is to be told of them."""
    notes: list[str] = []

    def left_out(found: regex.Match[str]) -> str:
        return _noted(notes, f"{found[0]} is left out; adapters are given as --lora", " ")

    def unweighted(found: regex.Match[str]) -> str:
        return _noted(notes, f"{found[0]} counts like any word; weights are not used", found[1])

    def first(found: regex.Match[str]) -> str:
        return _noted(notes, f"of {found[0]} the first is taken; give each a row", found[1])

    text = _CHOICE.sub(first, _WEIGHT.sub(unweighted, _LORA.sub(left_out, text)))
    return (" ".join(text.split()), notes) if notes else (text, notes)


def _noted(notes: list[str], note: str, instead: str) -> str:
    notes.append(note)
    return instead
