"""Reads a clause of a Chinese instruction. Every character must be accounted for, so that nothing is passed over."""

import re

from tasks.adjust import chinese_picture as picture
from tasks.adjust import chinese_scene as scene
from tasks.adjust.phrases import Context
from tasks.adjust.plan import PlanStep
from tasks.adjust.words import CHINESE_QUALITIES, CHINESE_SCOPES
from tasks.datasets.emoji.scene_words import CHINESE_COUNT, CHINESE_MEASURE
from tasks.datasets.emoji.things import known_as

_SPLIT = re.compile(r"[，。；！？,;!?\s]+|、(?=[把改加去换再])|并且|并|然后|而且|同时|但是|不过|可是|但|接着|最后")
_HEAD = re.compile(
    r"^(?:请|麻烦|帮我|给我|能不能|可以|我想要|我想|我要|我希望|希望|先|再|也|就|那就|还是|而|首先|此外|另外|现在|最好)+"
)
_TAIL = re.compile(r"(?:吧|吗|呢|啊|好吗|谢谢|就好|就行|即可|好了|哦)+$")


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
        now = re.fullmatch(rf"(?:而?要|而?是|换成)(?:{CHINESE_COUNT}{CHINESE_MEASURE})?(.+)", part)
        if before and now and known_as(before[1]) and known_as(now[1]):
            joined[-1] = f"把{before[1]}换成{now[1]}"
        else:
            joined.append(part)
    return joined


def _kept(text: str, context: Context) -> list[PlanStep] | None:
    if m := re.fullmatch(r"(?:保持)?(.+?)(?:保持)?(?:不变|不动|不要变|不要动|别动|原样)|保持(.+)", text):
        return [] if _about(m[1] or m[2], context) else None
    if m := re.fullmatch(r"(?:不要|别|不)(?:改变|改动|改|调整|调|动)(.+)", text):
        if _about(m[1], context) or picture.quality(m[1], context.copy()):
            return []
        return None
    if re.fullmatch(r"(?:不要|别)太(?:多|过|明显|强)|只要?一点(?:点)?", text):
        return context.soften()
    m = re.fullmatch(r"(?:不要|别)(?:变|弄)?(更?[亮暗冷暖].*)", text)
    return [] if m and picture.quality(m[1], context.copy()) else None


def _about(text: str, context: Context) -> bool:
    """Whether something is known that may stay as it is; a part of the picture is noted."""
    text = re.sub(r"^(?:的)|(?:的)$", "", text)
    others = {*CHINESE_QUALITIES, "其他", "其它", "其余", "别的", "尺寸", "大小", "画面", "场景", "色调"}
    part = CHINESE_SCOPES.get(text) or (None if text in others else known_as(text))
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
