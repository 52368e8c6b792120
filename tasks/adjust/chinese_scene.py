"""Reads a clause of a Chinese instruction that is about the scene: sky and place, and the things in it."""

import re

from tasks.adjust.phrases import Context, Thing, count_step, named, things_listed
from tasks.adjust.plan import Amount, PlanStep
from tasks.adjust.words import CHINESE_BECOME, CHINESE_SCOPES, CHINESE_SIDES
from tasks.datasets.emoji.scene_words import (
    CHINESE_COLOURS,
    CHINESE_COUNT,
    CHINESE_COUNTS,
    CHINESE_MEASURE,
    CHINESE_PLACES,
    CHINESE_SKIES,
)
from tasks.datasets.emoji.things import known_as

_BECOME, _COUNT, _MEASURE = CHINESE_BECOME, CHINESE_COUNT, CHINESE_MEASURE
_SIDE = "|".join(sorted(CHINESE_SIDES, key=len, reverse=True))
_COLOUR = "|".join(sorted(CHINESE_COLOURS, key=len, reverse=True))
_INTO = rf"(?:{_BECOME}|换到|改到|改在|改去|搬到|放到|放在|移到|设在|设成|挪到|换|在|让它|让|要|是|来点|来个|来一个|去)"
_MINUS = "(?:去掉|不要|没有|删掉|删除|移除|拿掉|去除|擦掉|抹掉|取消|别要|不需要|不想要|拿走|消除|移走|去了|清除)"
_PLUS = (
    "(?:添加|加上|加入|加|添上|添|再画上|画上|再画|画|放上|放|还想要|还想看到|想要|想看到|还要|要有|再来|来|"
    "应该有|要|有|带上|带|配上|多放)"
)
_LITTLE = "一点儿|一点|一些|点|些"
_LOT = "很多|许多|不少"
_TIME = r"(?:的时候|时分|时|的天空|天空|的天气|天气|的场景|场景|的背景)$"


def scenery(text: str, context: Context) -> list[PlanStep] | None:
    """A sky or a place, with nothing else but words that ask for it."""
    if m := re.fullmatch(rf"(?:不要再|{_MINUS}|别)(.+)", text):
        if m[1] in CHINESE_SKIES:
            context.unwanted.append((CHINESE_SKIES[m[1]], m[1]))
            return []
        return None
    body = re.sub(r"^(?:把|将|让)?(?:天空|天气|背景|场景|整个场景|画面|地点|它们|他们|它|时间)?", "", text)
    body = re.sub(rf"^(?:应该|要)?{_INTO}?(?:一个|个)?", "", body)
    for phrase in (text, body):
        for bare in (
            phrase,
            re.sub(r"(?:的时候|时分|时|的天空|天空|的天气|天气|的场景|场景|的背景)$", "", phrase),
            phrase.rstrip("上里中去下的了"),
        ):
            for step, table in (("sky", CHINESE_SKIES), ("place", CHINESE_PLACES)):
                if bare in table:
                    return [PlanStep(step, table[bare])]
    return None


def _thing(text: str, context: Context) -> Thing:
    """A noun phrase. Raises Refused, with the nearest that is known, if it names no known thing."""
    text = re.sub(r"^(?:那|这|所有的|所有|其中)", "", text.strip())
    text = text[:-1] if text.endswith("都") and known_as(text) is None else text
    text = re.sub(rf"^一?{_MEASURE}(?=.)", "", text) if known_as(text) is None else text
    if text in {"它", "它们", "他", "她"} and context.thing is not None:
        return Thing(context.thing)
    at = colour = None
    m = re.fullmatch(rf"({_SIDE})的?(.+)", text)
    if m and known_as(text) is None:
        at, text = CHINESE_SIDES[m[1]], m[2]
        text = re.sub(rf"^那?一?{_MEASURE}(?=.)", "", text) if known_as(text) is None else text
    m = re.fullmatch(rf"({_COLOUR})的?(.+)", text)
    if m and (known_as(m[2]) or not known_as(text)):
        colour, text = CHINESE_COLOURS[m[1]], m[2]
    return named(text, context, colour, at)


def counted(text: str, context: Context) -> list[PlanStep] | None:
    if m := re.fullmatch(rf"(?:再?多|再加|再来)(?:放|画)?({_COUNT}){_MEASURE}(.+)", text):
        return count_step(_thing(m[2], context), f"+{CHINESE_COUNTS.get(m[1]) or m[1]}")
    if m := re.fullmatch(rf"(?:少|减少|减)({_COUNT}){_MEASURE}(.+)", text):
        return count_step(_thing(m[2], context), f"-{CHINESE_COUNTS.get(m[1]) or m[1]}")
    m = re.fullmatch(
        rf"(?:{_BECOME}|只要|只有|只|应该有|应该是|要有|要|有|画|总共|共)?({_COUNT}){_MEASURE}(.+?)(?:而不是.+|不是.+)?",
        text,
    )
    if m and not re.match(rf"(?:要|有|画)?一{_MEASURE}", text):
        return count_step(_thing(m[2], context), CHINESE_COUNTS.get(m[1]) or int(m[1]))
    m = re.fullmatch(rf"(?:把|将)?(.+?)(?:的数量)?{_BECOME}({_COUNT}){_MEASURE}", text)
    return count_step(_thing(m[1], context), CHINESE_COUNTS.get(m[2]) or int(m[2])) if m else None


def replaced(text: str, context: Context) -> list[PlanStep] | None:
    for pattern, old, new in (
        (r"(?:要|用)(.+?)(?:代替|替换掉|替换|取代|替代|换掉|换下)(.+)", 2, 1),
        (r"(?:我?要)(.+?)(?:而)?不要(.+)", 2, 1),
        (r"(?:要|是)?(.+?)而不是(.+)", 2, 1),
        (rf"(?:把|将)?(.+?){_BECOME}(.+)", 1, 2),
    ):
        m = re.fullmatch(pattern, text)
        if m and m[new].removesuffix("的") not in CHINESE_COLOURS:
            if m[1] in CHINESE_SCOPES or m[old] in {"背景", "场景", "画面", "天气", "标题", "字体", "文字"}:
                return None
            return _thing(m[old], context).replaced_by(_thing(m[new], context))
    return None


def moved(text: str, context: Context) -> list[PlanStep] | None:
    verb = "(?:移动|移|挪动|挪|放|搬|推|靠|摆)"
    amount = rf"({_LITTLE}|{_LOT})?"
    for pattern in (
        rf"(?:把|将)?(.+?)(?:稍微|再)?{verb}(?:到|在|至|去)?(?:画面)?(?:的)?({_SIDE}){amount}",
        rf"(?:把|将|让)?(.+?)(?:稍微|再)?(?:往|向|朝|靠){verb}?({_SIDE}){verb}?(?:过去)?{amount}",
        rf"{verb}(.+?)到({_SIDE})()",
    ):
        m = re.fullmatch(pattern, text) or re.fullmatch(pattern, f"把它{text}" if context.thing else text)
        if m:
            much: Amount | None = None
            if m[3]:
                much = "much" if re.fullmatch(_LOT, m[3]) else "bit"
            elif "稍微" in text:
                much = "bit"
            return _thing(m[1], context).moved(CHINESE_SIDES[m[2]], much)
    return None


def coloured(text: str, context: Context) -> list[PlanStep] | None:
    for pattern in (
        rf"(?:把|将|让)?(.+?)(?:的颜色)?{_BECOME}({_COLOUR})的?",
        rf"(.+?)(?:应该|必须)?(?:要|是|用|得是|应为)({_COLOUR})的?",
    ):
        if m := re.fullmatch(pattern, text):
            return _thing(m[1], context).coloured(CHINESE_COLOURS[m[2]])
    if re.fullmatch(rf"(?:{_COLOUR})的.+", text):
        thing = _thing(text, context)
        return thing.coloured(thing.colour) if thing.colour else None
    return None


def removed(text: str, context: Context) -> list[PlanStep] | None:
    end = r"(?:去掉|删掉|删除|拿掉|移除|擦掉|拿走|抹掉|去除|移走|弄掉)"
    m = re.fullmatch(rf"{_MINUS}(?:画面里的|画面中的|图中的)?(.+?)(?:了)?", text) or re.fullmatch(
        rf"(?:把|将)(.+?){end}(?:了)?", text
    )
    if m is None:
        return None
    context.verb = "remove"
    if some := re.fullmatch(rf"({_COUNT}){_MEASURE}(.+)", m[1]):  # so many of them, not all
        return count_step(_thing(some[2], context), f"-{CHINESE_COUNTS.get(some[1]) or some[1]}")
    return [step for part in things_listed(m[1]) for step in _thing(part, context).removed()]


def added(text: str, context: Context) -> list[PlanStep] | None:
    m = re.fullmatch(rf"(?:画面里|画面中|图里|旁边|里面)?(?:再|也|还)?{_PLUS}(.+)", text)
    if m is None:
        return None
    context.verb = "add"
    if m[1] in {"雨", "雪"}:
        return [PlanStep("sky", "rain" if m[1] == "雨" else "snow")]
    if several := re.fullmatch(rf"([二两三四五六七八九十]|\d+){_MEASURE}(.+)", m[1]):
        number = CHINESE_COUNTS.get(several[1]) or int(several[1])
        return count_step(_thing(several[2], context), f"+{number}")
    return [step for part in things_listed(m[1]) for step in _thing(part, context).added()]
