"""Reads a clause of an English instruction that is about the scene: sky and place, and the things in it."""

import re

from tasks.adjust.phrases import Context, Thing, count_step, named, things_listed
from tasks.adjust.plan import Amount, PlanStep
from tasks.adjust.words import ENGLISH_SIDES
from tasks.datasets.emoji.scene_words import ENGLISH_COLOURS, ENGLISH_COUNTS, ENGLISH_PLACES, ENGLISH_SKIES
from tasks.datasets.emoji.things import known_as

_SIDE = "|".join(sorted(ENGLISH_SIDES, key=len, reverse=True))
_COLOUR = "|".join(sorted(ENGLISH_COLOURS, key=len, reverse=True))
_COUNT = "|".join(sorted(ENGLISH_COUNTS, key=len, reverse=True)) + r"|\d+"
_HAVE = (
    r"(?:(?:make (?:it|that|them)|there should be|there must be|there are|let there be|i want(?: to see)?|"
    r"i would like(?: to see)?|i would prefer|see|show(?: me)?|have|give me|i need|it should be|we need|draw|put|paint|"
    r"use) )?"
)
_PLUS = (
    r"(?:add|include|insert|put in|draw in|place|put|draw|show|i would like to see|i want to see|see|i want|"
    r"i would like|give me|give it|with|there should be|there should also be|let there be|paint in|bring in|i need)"
)
_MINUS = (
    r"(?:remove|delete|erase|take away|take out|get rid of|lose|drop|no more|no|without|i do not want(?: to see)?|"
    r"do not show|do not include|there should be no|there should not be|cut out|eliminate|leave out|hide|clear away)"
)
_WITHIN = r"(?: (?:(?:in|to|into|from|out of|of|on) )?(?:the |this |that )?(?:picture|image|scene|photo|frame|it))?"
_ASK = (
    r"(?:(?:make|turn|change|set|put|move|place|let|have|switch|bring|transfer|show|give)\b ?)?"
    r"(?:(?:i want|i would like|it should be|it should|there should be|it is|should be|it must be)\b ?)?"
    r"(?:(?:it|this|them|that|the (?:whole )?(?:scene|sky|weather|background|picture|image|setting|location)|"
    r"the same (?:picture|scene)|same (?:picture|scene)|everything|him|her|the scenery|everyone|that is)\b ?)?"
    r"(?:(?:be|is|to|into|in|at|on|with|should be|as|happen|take place|look like)\b ?)*(?:(?:a|an|the|some)\b ?)?"
)


def scenery(text: str, context: Context) -> list[PlanStep] | None:
    """A sky or a place, with nothing else but words that ask for it."""
    wanted, _, other = text.partition(" instead of ")
    if other and not (_sky_or_place(other) or other in {"it", "this", "that"}):
        return None
    wanted = re.sub(r" instead$", "", wanted)
    if m := re.fullmatch(r"(?:no|stop the|stop|not?|without(?: the)?|remove the) (.+)", wanted):
        found = _sky_or_place(m[1])
        if found and found[0] == "sky":
            context.unwanted.append((found[1], m[1]))
            return []
        return None
    body = re.sub("^" + _ASK, "", wanted).strip()
    body = re.sub(r" (?:sky|weather|please|scene|background|outside|conditions)$", "", body).strip() or body
    for phrase in (wanted, body):
        if found := _sky_or_place(phrase):
            return [PlanStep(*found)]
    return None


def _sky_or_place(text: str) -> tuple[str, str] | None:
    for phrase in (text, re.sub(r"^(?:(?:in|at|on|to|by|into|under|during|a|an|the)\b ?)+", "", text)):
        bare = re.sub(r" (?:sky|weather)$", "", phrase)
        for step, table in (("sky", ENGLISH_SKIES), ("place", ENGLISH_PLACES)):
            for key in (phrase, bare):
                if key in table:
                    return step, table[key]
    return None


def _thing(text: str, context: Context, several: bool = False) -> Thing:
    """A noun phrase. Raises Refused, with the nearest that is known, if it names no known thing."""
    text = re.sub(r"^(?:all (?:of )?(?=the |these |those )|any of (?=the )|both (?:of )?(?:the )?)", "", text.strip())
    text = re.sub(r"^(?:a|an|the|some|any|all|this|that|these|those|his|her|its|another) ", "", text)
    if text in {"it", "them", "that", "this"} and context.thing is not None:
        return Thing(context.thing)
    at = None
    if m := re.fullmatch(rf"(.+?)(?: on| to| at)(?: the)? ({_SIDE})(?: side| hand side)?", text):
        text, at = m[1], ENGLISH_SIDES[m[2]]
    elif m := re.fullmatch(r"(left|right|middle) (.+)", text):
        text, at = m[2], ENGLISH_SIDES[m[1]]
    colour = None
    m = re.fullmatch(rf"({_COLOUR}) (.+)", text)
    if m and (known_as(m[2]) or not known_as(text)):
        text, colour = m[2], ENGLISH_COLOURS[m[1]]
    return named(text, context, colour, at, several)


def counted(text: str, context: Context) -> list[PlanStep] | None:
    if m := re.fullmatch(rf"(?:add )?(?:one more|another) (.+?){_WITHIN}|one (.+?) more", text):
        return count_step(_thing(m[1] or m[2], context), "+1")
    if m := re.fullmatch(rf"{_HAVE}({_COUNT}) more (.+?){_WITHIN}", text):
        return count_step(_thing(m[2], context, True), f"+{ENGLISH_COUNTS.get(m[1]) or m[1]}")
    if m := re.fullmatch(r"one (?:less|fewer) (.+)|one (.+?) (?:less|fewer)", text):
        return count_step(_thing(m[1] or m[2], context), "-1")
    m = re.fullmatch(
        rf"{_HAVE}(?:only |just |exactly )?({_COUNT}) (.+?)(?: (?:instead of|not|rather than) .+| instead)?{_WITHIN}",
        text,
    )
    if m and not re.match(r"(?:times|x|percent|degrees|by|to|:)\b", m[2]):
        number = ENGLISH_COUNTS.get(m[1]) or int(m[1])
        return count_step(_thing(m[2], context, number != 1), number)
    return None


def replaced(text: str, context: Context) -> list[PlanStep] | None:
    for pattern, old, new in (
        (r"(?:replace|substitute) (.+) (?:with|by) (.+)", 1, 2),
        (r"(?:swap|exchange|trade|switch) (.+) (?:for|with|to) (.+)", 1, 2),
        (r"substitute (.+) for (.+)", 2, 1),
        (rf"(?:{_PLUS} )?(.+) (?:instead of|in place of|rather than) (.+)", 2, 1),
        (r"(?:change|turn|transform|convert|make) (.+?) (?:into|to) (.+)", 1, 2),
        (r"make (the .+?) (an? .+)", 1, 2),
        (r"(the .+?) should be (an? .+)", 1, 2),
    ):
        m = re.fullmatch(pattern, text)
        if m and m[new] not in ENGLISH_COLOURS and not re.match(r"the colour of|the (?:left|right)", m[new]):
            if "colour of" in m[old] or re.match(r"the sky|the (?:font|text|caption)", m[old]):
                return None
            was, now = _thing(m[old], context), _thing(m[new], context)
            return was.replaced_by(now)
    return None


def moved(text: str, context: Context) -> list[PlanStep] | None:
    amount = r"(?:(a bit|a little|slightly|a touch|a lot|far|much|way) )?"
    tail = r"(?: (a bit|a little|slightly|a lot|far))?"
    to = r"(?:more |further |farther )?(?:to |on |towards |in |at )?(?:the )?(?:far )?"
    where = rf"{to}({_SIDE})(?: side)?(?: of the picture)?"
    m = re.fullmatch(rf"(?:move|shift|put|place|push|slide|bring|drag|pull) (.+?) {amount}{where}{tail}", text)
    if m is None:
        m = re.fullmatch(
            rf"(?:the )?(.+?) (?:should be |should go )?{amount}(?:more |further |farther )(?:to the )?({_SIDE}){tail}",
            text,
        )
    if m is not None:
        found = m[2] or m[4]
        much: Amount | None = (
            None if not found else "bit" if found in {"a bit", "a little", "slightly", "a touch"} else "much"
        )
        return _thing(m[1], context).moved(ENGLISH_SIDES[m[3]], much)
    if m := re.fullmatch(r"(raise|lower|lift) (.+?)(?: (a bit|a little|slightly))?", text):
        return _thing(m[2], context).moved("down" if m[1] == "lower" else "up", "bit" if m[3] else None)
    return None


def coloured(text: str, context: Context) -> list[PlanStep] | None:
    for pattern in (
        rf"(?:make|paint|turn|recolour|dye|have|tint) (.+?) (?:in |to |into )?({_COLOUR})(?: instead)?",
        rf"(?:change|set|make) (?:the )?colour of (.+?) (?:in)?to ({_COLOUR})",
        rf"(?:change|turn) (.+?) (?:in)?to ({_COLOUR})",
        rf"(.+?) (?:should be|must be|should have been|is|are|in|to be|becomes?) (?:in )?({_COLOUR})(?: instead)?",
    ):
        if m := re.fullmatch(pattern, text):
            return _thing(m[1], context).coloured(ENGLISH_COLOURS[m[2]])
    if re.fullmatch(rf"(?:an? |the )?(?:{_COLOUR}) \w+", text):
        thing = _thing(text, context)
        return thing.coloured(thing.colour) if thing.colour else None
    return None


def removed(text: str, context: Context) -> list[PlanStep] | None:
    m = re.fullmatch(rf"{_MINUS} (.+?){_WITHIN}", text) or re.fullmatch(r"take (.+) (?:out|away|off)", text)
    m = m or re.fullmatch(r"i do not (?:like|want) (.+)|(the .+) (?:must|should|has to|can) go(?: away)?", text)
    if m:
        context.verb = "remove"
        return [step for text in things_listed(m[1] or m[2]) for step in _thing(text, context).removed()]
    return None


def added(text: str, context: Context) -> list[PlanStep] | None:
    m = re.fullmatch(rf"{_PLUS} (?:also )?(.+?){_WITHIN}", text)
    if m:
        context.verb = "add"
        if m[1] in {"rain", "snow", "some rain", "some snow"}:
            return [PlanStep("sky", m[1].split()[-1])]
        if several := re.fullmatch(rf"({_COUNT}) (more )?(.+)", m[1]):
            number = ENGLISH_COUNTS.get(several[1]) or int(several[1])
            more = several[2] or re.match(r"add|include|insert|put|draw|place|bring|paint|give", text)
            return count_step(_thing(several[3], context, True), f"+{number}" if more else number)
        return _thing(m[1], context).added()
    if context.verb and re.fullmatch(r"(?:a|an|the|some) [\w -]+", text):  # a bare noun after `add` or `remove`
        thing = _thing(text, context)
        return thing.added() if context.verb == "add" else thing.removed()
    return None
