"""Reads a clause of a Chinese instruction that is about the finished picture: its shape, or a quality of it."""

import re

from tasks.adjust.phrases import Context, crop_step
from tasks.adjust.plan import PlanStep, Refused, filter_step
from tasks.adjust.qualities import Said
from tasks.adjust.words import CHINESE_BECOME, CHINESE_QUALITIES, CHINESE_ROLES, CHINESE_SCOPES
from tasks.datasets.emoji.scene_words import CHINESE_COUNT, CHINESE_COUNTS, CHINESE_DIGITS
from tasks.datasets.emoji.things import known_as

_GREY = (
    rf"(?:把|将)?(?:它|画面|图片|照片|整体)?(?:{CHINESE_BECOME})?(?:黑白|灰度|单色)"
    r"(?:的|色|照片|图片|照|图|效果|画面)?"
)
_WHITE = (
    r"(?:校正|修正|调整|纠正|自动)?白平衡(?:校正|调整)?|"
    r"(?:去除|去掉|校正|消除|纠正|修正)(?:偏色|色偏)"
)
_CROP = r"(?:把|将)?(?:它|画面|图片|照片)?(?:裁剪|裁切|裁|剪)(?:成|为|到)?"
_LARGER = (
    r"(?:把|将)?(?:它|画面|图片|照片|分辨率|尺寸)?(?:放大|扩大|提高|增大|变大|放)"
    rf"(?:到|成|为|至)?(?:原来的)?({CHINESE_COUNT})倍(?:大)?"
)
_WORDS = sorted({*CHINESE_QUALITIES, *CHINESE_ROLES, *CHINESE_SCOPES}, key=len, reverse=True)
_WEAK = {"颜色", "色彩"}
_VERBS = {"去噪", "降噪", "锐化", "提亮", "变亮", "变暗"}


def shape(text: str, context: Context) -> list[PlanStep] | None:
    """Black and white, white balance, crops and enlargements."""
    if re.fullmatch(_GREY, text):
        return [PlanStep("saturation", 0)]
    if re.fullmatch(_WHITE, text):
        return [PlanStep("white-balance", "grey-edge")]
    if m := re.fullmatch(rf"{_CROP}(\d+) ?[:x比/] ?(\d+)(?:的?比例)?", text):
        return [crop_step(int(m[1]), int(m[2]))]
    if re.fullmatch(rf"{_CROP}(?:一个)?(?:正方形|方形|方的|正方)", text):
        return [crop_step(1, 1)]
    if m := re.fullmatch(_LARGER, text):
        number = CHINESE_COUNTS.get(m[1]) or int(m[1])
        times = 2 if number == 1 else number  # larger by once its size
        if times not in {2, 4}:
            raise Refused(f"{m[1]} times as large cannot be done; upscale makes pictures 2 or 4 times as large.")
        return [PlanStep("upscale", times)]
    return None


def quality(text: str, context: Context) -> list[PlanStep] | None:
    """A quality, a direction and an amount in any order, with nothing left over but a thing that it is confined to."""
    percent, text = _percent(text)
    scope, text = _confined(text)
    if re.match(r"(?:有点|有些)?偏", text):
        text = text.replace("偏", "太", 1)
    said = Said(percent)
    for word in _words_of(re.sub(r"[只仅]", "", text)):
        if not said.hear(word, CHINESE_QUALITIES.get(word), CHINESE_ROLES.get(word)):
            return None
    said.too |= bool(re.search("有点|有些", text) and not re.search("让|调|变|再|要|更", text))  # a complaint
    heard = said.one(_WEAK)
    if heard is None:
        return None
    if heard.word in {"去噪", "降噪"}:
        said.sign = 1
    if re.search("没有|去掉|去除|消除|清除", text) and heard.filter not in {"denoise", "repair"}:
        return [PlanStep("saturation", 0)] if heard.word in _WEAK and scope is None else None
    asked = said.sign or said.too or said.low < 0 or said.amount != "plain" or heard.word in _VERBS or percent
    if not asked and not re.search(r"调|变|弄|[暖冷亮暗]色?调?$", text):
        return None
    total = said.total(heard.direction)
    return context.changed(filter_step(heard.filter, total, said.amount, percent), scope, total)


def _percent(text: str) -> tuple[float | None, str]:
    if m := re.search(r"(?:调|提高|降低|提升|增加|改)?(?:到|至|为)(\d+)%", text):
        return abs(float(m[1]) - 100), text.replace(m[0], "提高" if float(m[1]) > 100 else "降低")
    if m := re.search(r"(\d+(?:\.\d+)?)%", text):
        return float(m[1]), text.replace(m[0], "")
    if m := re.search(rf"百分之([{CHINESE_DIGITS}百]+)", text):
        return _number(m[1]), text.replace(m[0], "")
    if m := re.search(rf"([{CHINESE_DIGITS}])成", text):
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


def _words_of(text: str) -> list[str]:
    """Longest words first; what is no word of the tables comes as single characters."""
    found: list[str] = []
    while text:
        found.append(next((word for word in _WORDS if text.startswith(word)), text[0]))
        text = text[len(found[-1]) :]
    return found


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
