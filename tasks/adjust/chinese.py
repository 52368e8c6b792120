"""Reads a clause of a Chinese instruction. Every character must be accounted for, so that nothing is passed over."""

import re

from tasks.adjust.phrases import Context, Thing, count_step, crop_step, named, things_listed
from tasks.adjust.plan import Amount, PlanStep, Refused, filter_step
from tasks.adjust.things import known_as
from tasks.adjust.words import (
    BIT,
    CHINESE_COLOURS,
    CHINESE_COUNTS,
    CHINESE_PLACES,
    CHINESE_QUALITIES,
    CHINESE_ROLES,
    CHINESE_SCOPES,
    CHINESE_SIDES,
    CHINESE_SKIES,
    FILL,
    LESS,
    LOW,
    MORE,
    MUCH,
    TOO,
)

_SPLIT = re.compile(r"[，。；！？,;!?\s]+|、(?=[把改加去换再])|并且|并|然后|而且|同时|但是|不过|可是|但|接着|最后")
_HEAD = re.compile(r"^(?:请|麻烦|帮我|给我|能不能|可以|我想要|我想|我要|我希望|希望|先|再|也|就|那就|还是|而|首先|此外|另外|现在|最好)+")
_TAIL = re.compile(r"(?:吧|吗|呢|啊|好吗|谢谢|就好|就行|即可|好了|哦)+$")
_DIGITS = "一二两三四五六七八九十"
_COUNT = rf"(?:[{_DIGITS}]|\d+)"
_MEASURE = "[只个把棵辆艘匹条座朵架台头位名幢栋间颗枚张本件顶块根幅支口尾峰束轮株艇]"
_SIDE = "|".join(sorted(CHINESE_SIDES, key=len, reverse=True))
_COLOUR = "|".join(sorted(CHINESE_COLOURS, key=len, reverse=True))
_BECOME = "(?:改成|改为|变成|变为|换成|换为|换作|替换成|替换为|涂成|染成|画成|弄成|刷成|漆成|转成|转为|调成|做成|变)"
_INTO = rf"(?:{_BECOME}|换到|改到|改在|改去|搬到|放到|放在|移到|设在|设成|挪到|换|在|让它|让|要|是|来点|来个|来一个|去)"
_MINUS = "(?:去掉|不要|没有|删掉|删除|移除|拿掉|去除|擦掉|抹掉|取消|别要|不需要|不想要|拿走|消除|移走|去了|清除)"
_PLUS = "(?:添加|加上|加入|加|添上|添|再画上|画上|再画|画|放上|放|还想要|还想看到|想要|想看到|还要|要有|再来|来|应该有|要|有|带上|带|配上|多放)"
_LITTLE = "一点儿|一点|一些|点|些"
_LOT = "很多|许多|不少"
_WORDS = sorted({*CHINESE_QUALITIES, *CHINESE_ROLES, *CHINESE_SCOPES}, key=len, reverse=True)


def clauses(text: str) -> list[str]:
    """The instruction cut into clauses, each without words of politeness."""
    text = re.sub(r"[“”\"'「」]", "", text.strip()).replace("：", ":").replace("％", "%")
    text = re.sub(r"又(.{1,4}?)又(.{1,4})", r"\1，\2", text)
    text = re.sub(r"(更.{1,4}?)更", r"\1，更", text)
    parts = [_TAIL.sub("", part.strip()) for part in _SPLIT.split(text)]
    parts = [_HEAD.sub("", part) if not re.fullmatch(r"再.{1,2}", part) else part[1:] for part in parts]
    return _paired([part for part in parts if part])


def _paired(parts: list[str]) -> list[str]:
    """`not this` and `but that` in two clauses, put together where both are things."""
    joined: list[str] = []
    for part in parts:
        before = re.fullmatch(r"(?:不要|不是)(.+)", joined[-1]) if joined else None
        now = re.fullmatch(rf"(?:而?要|而?是|换成)(?:{_COUNT}{_MEASURE})?(.+)", part)
        if before and now and known_as(before[1]) and known_as(now[1]):
            joined[-1] = f"把{before[1]}换成{now[1]}"
        else:
            joined.append(part)
    return joined


def read_clause(text: str, context: Context) -> list[PlanStep] | None:
    """The steps of a clause, or None if it is not understood. Raises Refused if it is, but cannot be done."""
    for rule in (_kept, _shape, _enhanced, _scenery, _counted, _replaced, _moved, _coloured, _removed, _added):
        steps = rule(text, context)
        if steps is not None:
            return steps
    return None


def _kept(text: str, context: Context) -> list[PlanStep] | None:
    if m := re.fullmatch(r"(?:保持)?(.+?)(?:保持)?(?:不变|不动|不要变|不要动|别动|原样)|保持(.+)", text):
        return [] if _about(m[1] or m[2]) else None
    if m := re.fullmatch(r"(?:不要|别|不)(?:改变|改动|改|调整|调|动)(.+)", text):
        if _about(m[1]) or _enhanced(m[1], context.copy()):
            return []
        return None
    if re.fullmatch(r"(?:不要|别)太(?:多|过|明显|强)|只要?一点(?:点)?", text):
        return context.soften()
    m = re.fullmatch(r"(?:不要|别)(?:变|弄)?(更?[亮暗冷暖].*)", text)
    return [] if m and _enhanced(m[1], context.copy()) else None


def _about(text: str) -> bool:
    text = re.sub(r"^(?:的)|(?:的)$", "", text)
    things = {"其他", "其它", "其余", "别的", "尺寸", "大小", "画面", "场景", "色调", *CHINESE_QUALITIES, *CHINESE_SCOPES}
    return text in things or known_as(text) is not None


def _shape(text: str, context: Context) -> list[PlanStep] | None:
    if re.fullmatch(rf"(?:把|将)?(?:它|画面|图片|照片|整体)?(?:{_BECOME})?(?:黑白|灰度|单色)(?:的|色|照片|图片|照|图|效果|画面)?", text):
        return [PlanStep("saturation", 0)]
    if re.fullmatch(r"(?:校正|修正|调整|纠正|自动)?白平衡(?:校正|调整)?|(?:去除|去掉|校正|消除|纠正|修正)(?:偏色|色偏)", text):
        return [PlanStep("white-balance", "grey-edge")]
    cut = r"(?:把|将)?(?:它|画面|图片|照片)?(?:裁剪|裁切|裁|剪)(?:成|为|到)?"
    if m := re.fullmatch(cut + r"(\d+) ?[:x比/] ?(\d+)(?:的?比例)?", text):
        return [crop_step(int(m[1]), int(m[2]))]
    if re.fullmatch(cut + r"(?:一个)?(?:正方形|方形|方的|正方)", text):
        return [crop_step(1, 1)]
    m = re.fullmatch(
        rf"(?:把|将)?(?:它|画面|图片|照片|分辨率|尺寸)?(?:放大|扩大|提高|增大|变大|放)(?:到|成|为|至)?(?:原来的)?({_COUNT})倍(?:大)?", text
    )
    if m:
        number = CHINESE_COUNTS.get(m[1]) or int(m[1])
        times = 2 if number == 1 else number
        if times not in {2, 4}:
            raise Refused(f"{m[1]}倍做不到; upscale makes pictures 2 or 4 times as large.")
        return [PlanStep("upscale", times)]
    return None


def _percent(text: str) -> tuple[float | None, str]:
    if m := re.search(r"(?:调|提高|降低|提升|增加|改)?(?:到|至|为)(\d+)%", text):
        return abs(float(m[1]) - 100), text.replace(m[0], "提高" if float(m[1]) > 100 else "降低")
    if m := re.search(r"(\d+(?:\.\d+)?)%", text):
        return float(m[1]), text.replace(m[0], "")
    if m := re.search(rf"百分之([{_DIGITS}百]+)", text):
        return _number(m[1]), text.replace(m[0], "")
    if m := re.search(rf"([{_DIGITS}])成", text):
        return CHINESE_COUNTS[m[1]] * 10, text.replace(m[0], "")
    if "一半" in text:
        return 50, text.replace("一半", "")
    return None, text


def _number(text: str) -> float:
    if text.startswith(("百", "一百")):
        return 100
    tens, ten, ones = text.partition("十")
    if not ten:
        return CHINESE_COUNTS.get(text, 0)
    return CHINESE_COUNTS.get(tens, 1) * 10 + CHINESE_COUNTS.get(ones, 0)


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Longest words first; what is no word of the tables comes in one piece, marked as unknown."""
    found: list[tuple[str, bool]] = []
    at = 0
    while at < len(text):
        word = next((w for w in _WORDS if text.startswith(w, at)), None)
        if word is None and found and not found[-1][1]:
            found[-1] = (found[-1][0] + text[at], False)
        else:
            found.append((word or text[at], word is not None))
        at += len(word or text[at])
    return found


def _enhanced(text: str, context: Context) -> list[PlanStep] | None:
    """A quality, a direction and an amount in any order, with nothing left over but a thing that it is confined to."""
    percent, text = _percent(text)
    scope = None
    if m := re.fullmatch(r"(?:只|仅)?(?:把|将|让|给)?(.+?)(?:部分)?的?((?:调|变|弄|更|的)?[^的]+)", text):
        scope, text = _confined(text)
    if re.match(r"(?:有点|有些)?偏", text):
        text = text.replace("偏", "太", 1)
    found: list[tuple[str, int, str]] = []
    amount: Amount = "plain"
    sign, too, low = 0, False, 1
    for word, known in _tokens(re.sub(r"[只仅]", "", text)):
        role = CHINESE_ROLES.get(word)
        if not known or word in CHINESE_SCOPES:
            return None
        if word in CHINESE_QUALITIES:
            found.append((*CHINESE_QUALITIES[word], word))
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
        elif role not in {FILL, MUCH}:
            return None
    too = too or bool(re.search("有点|有些", text) and not re.search("让|调|变|再|要|更", text))  # a complaint
    chosen = _one_quality(found)
    if chosen is None:
        return None
    name, direction, word = chosen
    if word in {"去噪", "降噪"}:
        sign = 1
    if re.search("没有|去掉|去除|消除|清除", text) and name not in {"denoise", "repair"}:
        return [PlanStep("saturation", 0)] if word in {"颜色", "色彩"} and scope is None else None
    said = sign or too or low < 0 or amount != "plain" or word in {"去噪", "降噪", "锐化", "提亮", "变亮", "变暗"} or percent
    if not said and not re.search(r"调|变|弄|[暖冷亮暗]色?调?$", text):
        return None
    total = direction * (-low if too else low * (sign or 1))
    step = filter_step(name, total, amount, percent)
    context.last = PlanStep(step.step, step.value, scope=scope)
    context.note = (name, total)
    return [context.last]


def _confined(text: str) -> tuple[str | None, str]:
    """The part of the picture that a clause begins with, and the rest of the clause."""
    body = re.sub(r"^(?:只|仅)?(?:把|将|让|给|使)?", "", text)
    for end in range(min(len(body) - 1, 12), 0, -1):
        head, rest = body[:end].removesuffix("的"), body[end:]
        if head in CHINESE_QUALITIES or head in CHINESE_ROLES:
            continue
        scope = CHINESE_SCOPES.get(head) or known_as(head)
        if scope:
            return scope, rest
    return None, text


def _one_quality(found: list[tuple[str, int, str]]) -> tuple[str, int, str] | None:
    strong = [f for f in found if f[2] not in {"颜色", "色彩"}]
    if {f[0] for f in strong} == {"brightness", "gamma"}:  # the shadows brighter
        bright = next(f for f in strong if f[0] == "brightness")
        return "gamma", bright[1], bright[2]
    if len(strong) == 1:
        return strong[0]
    return found[0] if len(found) == 1 else None


def _scenery(text: str, context: Context) -> list[PlanStep] | None:
    """A sky or a place, with nothing else but words that ask for it."""
    if m := re.fullmatch(rf"(?:不要再|{_MINUS}|别)(.+)", text):
        if m[1] in CHINESE_SKIES:
            context.unwanted.append((CHINESE_SKIES[m[1]], m[1]))
            return []
        return None
    body = re.sub(r"^(?:把|将|让)?(?:天空|天气|背景|场景|整个场景|画面|地点|它们|他们|它|时间)?", "", text)
    body = re.sub(rf"^(?:应该|要)?{_INTO}?(?:一个|个)?", "", body)
    for phrase in (text, body):
        for bare in (phrase, re.sub(r"(?:的时候|时分|时|的天空|天空|的天气|天气|的场景|场景|的背景)$", "", phrase), phrase.rstrip("上里中去下的了")):
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
    if m := re.fullmatch(rf"({_SIDE})的?(.+)", text):
        if known_as(text) is None:
            at, text = CHINESE_SIDES[m[1]], m[2]
            text = re.sub(rf"^那?一?{_MEASURE}(?=.)", "", text) if known_as(text) is None else text
    m = re.fullmatch(rf"({_COLOUR})的?(.+)", text)
    if m and (known_as(m[2]) or not known_as(text)):
        colour, text = CHINESE_COLOURS[m[1]], m[2]
    return named(text, context, colour, at)


def _counted(text: str, context: Context) -> list[PlanStep] | None:
    if m := re.fullmatch(rf"(?:再?多|再加|再来)(?:放|画)?({_COUNT}){_MEASURE}(.+)", text):
        return count_step(_thing(m[2], context), f"+{CHINESE_COUNTS.get(m[1]) or m[1]}")
    if m := re.fullmatch(rf"(?:少|减少|减)({_COUNT}){_MEASURE}(.+)", text):
        return count_step(_thing(m[2], context), f"-{CHINESE_COUNTS.get(m[1]) or m[1]}")
    m = re.fullmatch(
        rf"(?:{_BECOME}|只要|只有|只|应该有|应该是|要有|要|有|画|总共|共)?({_COUNT}){_MEASURE}(.+?)(?:而不是.+|不是.+)?", text
    )
    if m and not re.match(rf"(?:要|有|画)?一{_MEASURE}", text):
        return count_step(_thing(m[2], context), CHINESE_COUNTS.get(m[1]) or int(m[1]))
    m = re.fullmatch(rf"(?:把|将)?(.+?)(?:的数量)?{_BECOME}({_COUNT}){_MEASURE}", text)
    return count_step(_thing(m[1], context), CHINESE_COUNTS.get(m[2]) or int(m[2])) if m else None


def _replaced(text: str, context: Context) -> list[PlanStep] | None:
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


def _moved(text: str, context: Context) -> list[PlanStep] | None:
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


def _coloured(text: str, context: Context) -> list[PlanStep] | None:
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


def _removed(text: str, context: Context) -> list[PlanStep] | None:
    end = r"(?:去掉|删掉|删除|拿掉|移除|擦掉|拿走|抹掉|去除|移走|弄掉)"
    m = re.fullmatch(rf"{_MINUS}(?:画面里的|画面中的|图中的)?(.+?)(?:了)?", text) or re.fullmatch(rf"(?:把|将)(.+?){end}(?:了)?", text)
    if m is None:
        return None
    context.verb = "remove"
    return [step for part in things_listed(m[1]) for step in _thing(part, context).removed()]


def _added(text: str, context: Context) -> list[PlanStep] | None:
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
