"""Reads a clause of an English instruction. Every word must be accounted for, so that nothing is passed over."""

import re

from tasks.adjust.phrases import Context, Thing, count_step, crop_step, named, things_listed
from tasks.adjust.plan import Amount, PlanStep, Refused, filter_step
from tasks.adjust.things import known_as
from tasks.adjust.words import (
    BIT,
    ENGLISH_ADJECTIVES,
    ENGLISH_COLOURS,
    ENGLISH_COUNTS,
    ENGLISH_NOUNS,
    ENGLISH_PLACES,
    ENGLISH_ROLES,
    ENGLISH_SCOPES,
    ENGLISH_SIDES,
    ENGLISH_SKIES,
    FILL,
    LESS,
    LOW,
    MORE,
    MUCH,
    TOO,
)

_POLITE = re.compile(
    r"^(?:(?:please|now|also|just|but|and|then|first|finally|next|maybe|hey|ok|okay|well|so|can you|could you|would you|"
    r"will you|i would like to|i would like you to|i want to|i want you to|i would prefer to|let's|let us|you should|try to|kindly)\b[ ,]*)+"
)
_TAIL = re.compile(r"(?:[ ,]+(?:please|too|as well|also|for me|now|thanks|thank you|if you can|if possible))+$")
_SPELT = {"color": "colour", "colors": "colours", "colorful": "colourful", "colourfull": "colourful", "gray": "grey",
          "recolor": "recolour", "grayscale": "greyscale", "center": "centre", "colored": "coloured"}  # fmt: skip
_SPLIT = re.compile(r"\s*(?:(?=\bwithout changing\b)|(?:\bsame\b|\bpicture\b)(?= with\b)|[,;.!?]+(?:\s|$)|\b(?:and then|and also|then|but also|but rather|but|and|plus|yet)\b)\s*")
_COMPLAINTS = {"washed-out", "dull", "noisy", "grainy", "blurry", "flat", "pale", "dark", "dim"}
_COLOUR_NOUNS = {"yellow", "orange", "green", "blue", "light", "magenta"}
_GREY = r"(?:black&white|black[- ]and[- ]white|b&w|b/w|monochrome|greyscale|grey scale)"
_SIDE = "|".join(sorted(ENGLISH_SIDES, key=len, reverse=True))
_COLOUR = "|".join(sorted(ENGLISH_COLOURS, key=len, reverse=True))
_COUNT = "|".join(sorted(ENGLISH_COUNTS, key=len, reverse=True)) + r"|\d+"
_HAVE = (r"(?:(?:make (?:it|that|them)|there should be|there must be|there are|let there be|i want(?: to see)?|i would like(?: to see)?|i would prefer|see|"
         r"show(?: me)?|have|give me|i need|it should be|we need|draw|put|paint|use) )?")  # fmt: skip
_PLUS = (r"(?:add|include|insert|put in|draw in|place|put|draw|show|i would like to see|i want to see|see|"
         r"i want|i would like|give me|give it|with|there should be|there should also be|let there be|paint in|bring in|i need)")  # fmt: skip
_MINUS = (r"(?:remove|delete|erase|take away|take out|get rid of|lose|drop|no more|no|without|i do not want(?: to see)?|"
          r"do not show|do not include|there should be no|there should not be|cut out|eliminate|leave out|hide|clear away|kill)")  # fmt: skip
_WITHIN = r"(?: (?:(?:in|to|into|from|out of|of|on) )?(?:the |this |that )?(?:picture|image|scene|photo|frame|it))?"


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


def read_clause(text: str, context: Context) -> list[PlanStep] | None:
    """The steps of a clause, or None if it is not understood. Raises Refused if it is, but cannot be done."""
    for rule in (_kept, _shape, _enhanced, _scenery, _counted, _replaced, _moved, _coloured, _removed, _added):
        steps = rule(text, context)
        if steps is not None:
            return steps
    return None


def _kept(text: str, context: Context) -> list[PlanStep] | None:
    """What is to stay as it is asks for nothing."""
    if m := re.fullmatch(r"(?:keep|leave) (.+?) (?:as (?:it|they) (?:is|are)|alone|unchanged|the same|untouched)", text):
        return [] if _about(m[1]) else None
    if re.fullmatch(r"(?:the )?same(?: picture| image)?(?: with)?|everything (?:else )?(?:stays |is |stays as |as )?"
                    r"(?:the same|it is|as it is)|nothing else", text):  # fmt: skip
        return []
    if m := re.fullmatch(r"(?:keep|leave) (.+)", text):
        return [] if _about(m[1]) else None
    if re.fullmatch(r"not (?:too|so|that|very) (?:much|strongly|far)|only a (?:bit|little)|just a (?:bit|little)", text):
        return context.soften()
    if m := re.fullmatch(r"without changing (?:the )?(.+)", text):
        return [] if _about(m[1]) else None
    m = re.fullmatch(r"(?:do not|never|not) (.+)", text)
    if m and not re.match(r"(?:so|too|as|that|quite as|want|show|include)\b", m[1]):
        inner = m[1].removeprefix("change the ").removeprefix("change ").removeprefix("touch the ")
        if _about(inner):
            return []
        return [] if _enhanced(m[1], context.copy()) or _removed(m[1], context.copy()) else None
    return None


def _about(text: str) -> bool:
    text = re.sub(r"^(?:the|its|everything) ?", "", text)
    things = {*ENGLISH_NOUNS, *ENGLISH_SCOPES, "", "else", "size", "scene", "rest", "sky", "place", "picture"}
    return text in things or known_as(text) is not None


def _shape(text: str, context: Context) -> list[PlanStep] | None:
    it = r"(?:(?:make|turn|convert|change|set|crop|cut|trim) )?(?:it |this |the (?:picture|image|photo|whole thing|size) |everything )?"
    if re.fullmatch(it + r"(?:to |into |in |be )?(?:a )?" + _GREY + r"(?: picture| image| photo)?", text):
        return [PlanStep("saturation", 0)]
    if re.fullmatch(r"(?:fix|correct|adjust|repair|balance) (?:the )?white[- ]balance|white[- ]balance(?: it)?|"
                    r"(?:remove|fix|correct|get rid of) (?:the |any )?colour cast|neutral(?:ise)? (?:the )?colours", text):  # fmt: skip
        return [PlanStep("white-balance", "grey-edge")]
    if m := re.fullmatch(r"(?:crop|cut|trim) (?:it |this |the (?:picture|image|photo) )?(?:to |into |in )?(?:a |an )?"
                         r"(\d+) ?(?:[:x/]|by|to) ?(\d+)(?: (?:landscape|portrait|format|ratio|aspect ratio))?", text):  # fmt: skip
        return [crop_step(int(m[1]), int(m[2]))]
    if re.fullmatch(r"(?:crop |cut |trim |make )?(?:it |this |the (?:picture|image|photo) )?(?:to |into )?(?:a )?square(?: crop| format)?", text):
        return [crop_step(1, 1)]
    times = r"(2|two|double|twice|4|four|quadruple|3|three|8|eight|1.5)"
    size = r"(?:larger|bigger|as large|as big|the size|the resolution|its size|higher resolution|resolution|upscale|enlarge)"
    patterns = (
        rf"(?:make |scale |upscale |enlarge |increase |blow )?(?:it |this |the (?:picture|image|photo|resolution|size) )?(?:up )?"
        rf"(?:to |by )?{times}(?:[ -]?x|[ -]times|-fold)?(?: (?:the )?{size})?(?: (?:it|as it is))?",
        rf"(?:double|quadruple)(?: (?:the|its) (?:size|resolution))",
    )
    if m := re.fullmatch(patterns[0], text):
        return [_upscaled(m[1])] if re.search(r"x\b|times|large|big|size|resol|scale|double|twice|quadruple", text) else None
    return [_upscaled(text.split()[0])] if re.fullmatch(patterns[1], text) else None


def _upscaled(word: str) -> PlanStep:
    times = {"2": 2, "two": 2, "double": 2, "twice": 2, "4": 4, "four": 4, "quadruple": 4}.get(word)
    if times is None:
        raise Refused(f"{word} times as large cannot be done; upscale makes pictures 2 or 4 times as large.")
    return PlanStep("upscale", times)


def _enhanced(text: str, context: Context) -> list[PlanStep] | None:
    """A quality, a direction and an amount in any order, with nothing left over but a thing that it is confined to."""
    text = re.sub(r"\b(?:not|less) (?:quite )?(?:so|as|too|that|very) (?:much )?", "less ", text)
    text = re.sub(r"\b(?:tone|turn|dial|bring|take) (?:(it|that|them|this) )?down\b", r"reduce \1", text)
    text = re.sub(r"\bget rid of\b|\btake (?:away|out)\b|\bclean (?:up|away)\b", "remove", text)
    text = re.sub(r"\b(?:is )?not enough\b|\black(?:s|ing)?\b", "more", text).replace("washed out", "washed-out")
    text = text.replace("as possible", "possible").replace("as much", "much").replace("local contrast", "details")
    text = re.sub(r"\b(?:bring|pull) (?:out|up)\b|\bturn up\b", "increase", text)
    if m := re.search(r"\bto (\d+)%", text):
        text = re.sub(r"\b(?:increase|raise|reduce|decrease|lower)\b", " ", text.replace(m[0], " "))
        text += f" {'more' if float(m[1]) > 100 else 'less'} {abs(float(m[1]) - 100):g}%"
    text = re.sub(r"\bby (?:a )?half\b|\bhalf as\b", "less 50%", text)
    percent: float | None = None
    if m := re.search(r"(?:by )?(\d+(?:\.\d+)?)%", text):
        percent, text = float(m[1]), text.replace(m[0], " ")
    found: list[tuple[str, int, str]] = []
    amount: Amount = "plain"
    sign, too, low, rest = 0, False, 1, []
    for word in text.split():
        role = ENGLISH_ROLES.get(word)
        if word in ENGLISH_ADJECTIVES or word in ENGLISH_NOUNS:
            filter_name, direction = ENGLISH_ADJECTIVES.get(word) or ENGLISH_NOUNS[word]
            found.append((filter_name, direction, word))
        elif role == BIT:
            amount = "bit"
        elif role == MUCH and amount != "bit":
            amount = "much"
        elif role in {MORE, LESS}:
            sign = -1 if role == LESS else (sign or 1)
        elif role == TOO:
            too = True
        elif role == LOW:
            low = -1
        elif role != FILL and role != MUCH:
            rest.append(word)
    found = _one_quality(found)
    if re.search(r"\b(?:is|looks?|seems|appears|are)\b", text) and not re.search(r"\bshould\b|\bmake\b", text):
        too = too or not sign and {f[2] for f in found} <= _COMPLAINTS  # `it is noisy` complains without a `too`
    if not found:
        return _again(text, sign, amount, percent, rest, context)
    name, direction, word = found[-1]
    if name == "denoise" and word == "denoise":
        sign = 1
    bare = word in ENGLISH_NOUNS and not sign and not too and low > 0
    if bare or (word in _COLOUR_NOUNS and (rest or not (sign or too))):
        return None
    if re.search(r"\b(?:no|without|remove|rid)\b", text) and name not in {"denoise", "repair"}:
        return [PlanStep("saturation", 0)] if word in {"colour", "colours"} and not rest else None
    total = direction * (-low if too else sign or low)
    if len(found) > 1:
        total = found[0][1] * found[-1][1] * (sign or 1)
    scope = None
    if rest:
        scope = _scope(" ".join(rest))
        if scope is None:
            return None
    step = filter_step(name, total, amount, percent)
    context.last = PlanStep(step.step, step.value, scope=scope)
    context.note = (name, total)
    return [context.last]


def _one_quality(found: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """The quality that counts: an adjective may stand beside a noun that only says of what, as in less vivid colours."""
    if len(found) < 2:
        return found
    strong = [f for f in found if f[2] not in {"colour", "colours", "intensity", "light"}]
    names = {f[0] for f in strong}
    if len(strong) == 1 or not strong:
        return strong or found[-1:]
    if names == {"brightness", "gamma"} and len(strong) == 2:  # brighten the shadows
        bright = next(f for f in strong if f[0] == "brightness")
        return [("gamma", bright[1], bright[2])]
    return []


def _again(
    text: str, sign: int, amount: Amount, percent: float | None, rest: list[str], context: Context
) -> list[PlanStep] | None:
    """`tone it down`, `a lot more`: the quality of the clause before, in the direction said now."""
    if rest or not sign or context.note is None or not re.search(r"\bit\b|\bthat\b", text):
        return None
    name, before = context.note
    if before == sign:  # `too much contrast, tone it down` says one thing twice
        return []
    return [filter_step(name, sign, amount, percent)]


def _scope(text: str) -> str | None:
    text = re.sub(r"^(?:only|just|the|in|of) ", "", text)
    return ENGLISH_SCOPES.get(text) or known_as(text)


def _scenery(text: str, context: Context) -> list[PlanStep] | None:
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
    ask = (r"(?:(?:make|turn|change|set|put|move|place|let|have|switch|bring|transfer|show|give)\b ?)?"
           r"(?:(?:i want|i would like|it should be|it should|there should be|it is|should be|it must be)\b ?)?"
           r"(?:(?:it|this|them|that|the (?:whole )?(?:scene|sky|weather|background|picture|image|setting|location)|"
           r"the same (?:picture|scene)|same (?:picture|scene)|everything|him|her|the scenery|everyone|that is)\b ?)?"
           r"(?:(?:be|is|to|into|in|at|on|with|should be|as|happen|take place|look like)\b ?)*(?:(?:a|an|the|some)\b ?)?")  # fmt: skip
    body = re.sub("^" + ask, "", wanted).strip()
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


def _thing(text: str, context: Context) -> Thing:
    """A noun phrase. Raises Refused, with the nearest that is known, if it names no known thing."""
    text = re.sub(r"^(?:all|any|both) (?:of )?(?=the |these |those )", "", text.strip())
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
    return named(text, context, colour, at)


def _counted(text: str, context: Context) -> list[PlanStep] | None:
    if m := re.fullmatch(rf"(?:add )?(?:one more|another) (.+?){_WITHIN}|one (.+?) more", text):
        return count_step(_thing(m[1] or m[2], context), "+1")
    if m := re.fullmatch(r"one (?:less|fewer) (.+)|one (.+?) (?:less|fewer)", text):
        return count_step(_thing(m[1] or m[2], context), "-1")
    m = re.fullmatch(rf"{_HAVE}(?:only |just |exactly )?({_COUNT}) (.+?)(?: (?:instead of|not|rather than) .+| instead)?{_WITHIN}", text)
    if m and not re.match(r"(?:times|x|percent|degrees|by|to|:)\b", m[2]):
        number = ENGLISH_COUNTS.get(m[1]) or int(m[1])
        return count_step(_thing(m[2], context), number)
    return None


def _replaced(text: str, context: Context) -> list[PlanStep] | None:
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


def _moved(text: str, context: Context) -> list[PlanStep] | None:
    amount = r"(?:(a bit|a little|slightly|a touch|a lot|far|much|way) )?"
    tail = r"(?: (a bit|a little|slightly|a lot|far))?"
    where = rf"(?:more |further |farther )?(?:to |on |towards |in |at )?(?:the )?(?:far )?({_SIDE})(?: side)?(?: of the picture)?"
    m = re.fullmatch(rf"(?:move|shift|put|place|push|slide|bring|drag|pull) (.+?) {amount}{where}{tail}", text)
    if m is None:
        m = re.fullmatch(rf"(?:the )?(.+?) (?:should be |should go )?{amount}(?:more |further |farther )(?:to the )?({_SIDE}){tail}", text)
    if m is not None:
        found = m[2] or m[4]
        much: Amount | None = None if not found else "bit" if found in {"a bit", "a little", "slightly", "a touch"} else "much"
        return _thing(m[1], context).moved(ENGLISH_SIDES[m[3]], much)
    if m := re.fullmatch(r"(raise|lower|lift) (.+?)(?: (a bit|a little|slightly))?", text):
        return _thing(m[2], context).moved("down" if m[1] == "lower" else "up", "bit" if m[3] else None)
    return None


def _coloured(text: str, context: Context) -> list[PlanStep] | None:
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


def _removed(text: str, context: Context) -> list[PlanStep] | None:
    m = re.fullmatch(rf"{_MINUS} (.+?){_WITHIN}", text) or re.fullmatch(r"take (.+) (?:out|away|off)", text)
    if m:
        context.verb = "remove"
        return [step for text in things_listed(m[1]) for step in _thing(text, context).removed()]
    return None


def _added(text: str, context: Context) -> list[PlanStep] | None:
    m = re.fullmatch(rf"{_PLUS} (?:also )?(.+?){_WITHIN}", text)
    if m:
        context.verb = "add"
        if m[1] in {"rain", "snow", "some rain", "some snow"}:
            return [PlanStep("sky", m[1].split()[-1])]
        if several := re.fullmatch(rf"({_COUNT}) (more )?(.+)", m[1]):
            number = ENGLISH_COUNTS.get(several[1]) or int(several[1])
            more = several[2] or re.match(r"add|include|insert|put|draw|place|bring|paint|give", text)
            return count_step(_thing(several[3], context), f"+{number}" if more else number)
        return _thing(m[1], context).added()
    if context.verb and re.fullmatch(r"(?:a|an|the|some) [\w -]+", text):  # a bare noun after `add` or `remove`
        thing = _thing(text, context)
        return thing.added() if context.verb == "add" else thing.removed()
    return None
