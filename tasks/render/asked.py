"""Reads what a prompt asks for in so many words: things with number and colour, where they are, place and sky.

Words are looked up, the longest run of them first, among the names that the embedded model's data set has; what names
nothing is kept as unread. The grammar is that of captions: `two red cats to the left of a dog at night, without trees`,
`夜空下两只红色的猫在树的左边，没有狗`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from models.asked import ACTION, NOUN, QUALITY, Asked, AskedThing
from tasks.datasets.emoji.scene_words import (
    CHINESE_COLOURS,
    CHINESE_COUNTS,
    CHINESE_PLACES,
    CHINESE_SKIES,
    ENGLISH_COLOURS,
    ENGLISH_COUNTS,
    ENGLISH_PLACES,
    ENGLISH_SKIES,
)
from tasks.datasets.emoji.things import concepts_of, known_as, may_be
from tasks.datasets.emoji.vocabulary import PLACE_WORDS, SKY_WORDS, VERBS
from tasks.text.preprocess import TAGGED, Prepared

LONGEST = 6  # words of a name
MOST = 10  # of one thing
_RELATIONS = {
    **dict.fromkeys(("to the left of", "left of", "on the left of", "on the left side of"), "left"),
    **dict.fromkeys(("to the right of", "right of", "on the right of", "on the right side of"), "right"),
    **dict.fromkeys(("above", "on top of", "over"), "above"),
    **dict.fromkeys(("below", "under", "beneath", "underneath"), "below"),
}
_SIDES = {
    **dict.fromkeys(("on the left", "at the left", "on the left side"), "left"),
    **dict.fromkeys(("on the right", "at the right", "on the right side"), "right"),
}
_CHINESE_RELATIONS = {
    **dict.fromkeys(("左边", "左侧", "左面", "左方"), "left"),
    **dict.fromkeys(("右边", "右侧", "右面", "右方"), "right"),
    **dict.fromkeys(("上方", "上空", "上面"), "above"),
    **dict.fromkeys(("下方", "下面", "底下"), "below"),
}
_NONE = {"no", "without", "without any", "with no", "not any", "没有", "不要", "无", "没"}
_END_OF_NONE = {",", ".", ";", "but", "with", "，", "。", "；", "、但", "但"}
_PAIRS = {"couple", "lovers", "情侣", "恋人", "夫妻", "年轻情侣"}  # of whom `a pair` is one thing
_HAVE = {"是", "有", "站着", "放着", "坐着"}
_SKY_THINGS = {"moon": "night", "stars": "night", "月亮": "night", "星星": "night", "sun": "sunny", "太阳": "sunny"}
_MORE_SKIES = {
    **dict.fromkeys(("night sky", "dark night", "in the dark", "starry sky", "under a night sky"), "night"),
    **dict.fromkeys(("夜空", "夜空下", "夜色", "黑夜里"), "night"),
}
_FILLER_WORDS = """
photo picture image photograph shot pic scene view background front side piece kind lot middle center centre big large
huge small little tiny new some several many few other another one thing things day time sky air be is are sit sits
sitting stand stands standing lie lies lying look looks looking hang hangs hanging walk walks run runs fly flies flying
swim swims swimming hill hills show shows showing have has make made put see seen set called wave waves
照片 图片 图像 画面 背景 场景 一张 一幅 一片 一 个 只 大 小 里 上 下 中 天 天空 旁边 附近 一起 正在 着 坐 站 躺 看 飞
跑 走 是 有 在 前有 前面 后面 前 后 海浪 浪花 波浪 波涛 海风 海水 海岸线
"""
_PART_WORDS = "cup glass bowl slice piece bottle plate bunch pair group foot top middle edge couple"
_PART_OF = frozenset(_PART_WORDS.split())
_FILLERS = frozenset(_FILLER_WORDS.split())
_WEIGHTS = {"NOUN": NOUN, "PROPN": NOUN, "X": NOUN, "ADJ": QUALITY, "NUM": QUALITY, "VERB": ACTION}
_MEASURED = re.compile(
    r"([一二两三四五六七八九十]|\d{1,2})[只个把棵辆艘匹条座朵架台头位名幢栋间颗枚张本件顶块根幅支口尾峰束轮株艇对杯碗盘瓶列串片份]?"
)


@cache
def _of_scenery() -> tuple[frozenset[str], str]:
    """English words, and Chinese phrases in one text, that say nothing but what a place or sky shows anyway."""
    english = {
        word.strip(",")
        for table, columns in ((PLACE_WORDS, (0, 1, 3)), (SKY_WORDS, (0, 1)))
        for entry in table.values()
        for column in columns
        for phrase in entry[column]
        for word in phrase.split()
    }
    english |= {word for verbs, _ in VERBS.values() for phrase in verbs for word in phrase.split()}
    chinese = [phrase for entry in PLACE_WORDS.values() for column in (2, 4) for phrase in entry[column]]
    chinese += [phrase for entry in SKY_WORDS.values() for column in (2, 3) for phrase in entry[column]]
    chinese += [phrase for _, verbs in VERBS.values() for phrase in verbs]
    return frozenset(english), " ".join(chinese)


@dataclass
class _Reader:
    """What was read so far of a text, and what the words to come belong to."""

    things: list[AskedThing] = field(default_factory=list)
    absent: list[AskedThing] = field(default_factory=list)
    relations: list[tuple[int, str, int | None]] = field(default_factory=list)
    unread: list[tuple[str, float]] = field(default_factory=list)
    place: str | None = None
    sky: str | None = None
    count: int | None = None
    said_one: bool = False
    colour: tuple[str, str] | None = None  # and its word
    none: bool = False
    pending: tuple[int, str] | None = None
    """A thing, and where it is of the one that comes next."""
    within: int | None = None
    """In Chinese: the thing before an `在`, whose place the thing after it says."""

    def thing(self, name: str, plural: bool) -> None:
        if self.count == 2 and name in _PAIRS:
            self.count = 1
        count = self.count if self.count is not None else 1 if self.said_one or not plural else None
        made = AskedThing(name, may_be(name) or concepts_of(name), count, self.colour[0] if self.colour else None)
        self.count, self.colour, self.said_one = None, None, False
        if self.none:
            self.absent.append(made)
            return
        self.things.append(made)
        if self.pending is not None:
            self.relations.append((self.pending[0], self.pending[1], len(self.things) - 1))
            self.pending = None

    def drop_colour(self) -> None:
        """A colour that no thing followed."""
        if self.colour is not None:
            self.unread.append((self.colour[1], QUALITY))
            self.colour = None


def read_asked(prepared: Prepared) -> Asked:
    """What a text asks for; of one in a language that the model's reader does not know, only that."""
    words, tags = [word.lower() for word in prepared.tokens], prepared.pos
    if prepared.language not in TAGGED:
        return Asked(
            unread=tuple((w, NOUN) for w, t in zip(words, tags, strict=True) if t in _WEIGHTS),
            language=prepared.language,
        )
    reader, at = _Reader(), 0
    while at < len(words):
        for length in range(min(LONGEST, len(words) - at), 0, -1):
            span = words[at : at + length]
            if _take(reader, span, tags[at : at + length], words[at + length : at + length + 2]):
                break
        else:
            _leave(reader, prepared.tokens[at], words[at], tags[at])
        at += length
    reader.drop_colour()
    return Asked(
        tuple(reader.things),
        tuple(reader.absent),
        tuple(reader.relations),
        reader.place,
        reader.sky,
        tuple(reader.unread),
    )


def _joined(span: Sequence[str]) -> str:
    return ("" if any("\u4e00" <= word[:1] <= "\u9fff" for word in span) else " ").join(span)


def _take(reader: _Reader, span: Sequence[str], tags: Sequence[str], after: Sequence[str]) -> bool:
    """Whether these words together mean something, which is then noted."""
    text = _joined(span)
    if text in _NONE:
        reader.none = True
    elif len(span) == 2 and span[1] == "of" and span[0] in _PART_OF and after:
        pass  # a cup of coffee, the foot of a mountain: what follows is the thing
    elif text in _END_OF_NONE:
        reader.none, reader.pending, reader.within = False, None, None
        reader.drop_colour()
    elif text == "的" and reader.none and reader.absent:
        reader.none = False
    elif text in {"a", "an", "one", "一"} and len(span) == 1:
        reader.said_one = True
    elif (count := _count(text)) is not None:
        reader.count = count
    elif text == "在":
        reader.within = len(reader.things) - 1 if reader.things else None
    elif _relation(reader, text, after) or _scenery(reader, text):
        pass
    elif (colour := ENGLISH_COLOURS.get(text) or CHINESE_COLOURS.get(text)) and not (
        text == "orange" and not _noun_follows(after)
    ):
        reader.drop_colour()
        reader.colour = colour, text
    else:
        return _named(reader, span, text, tags)
    return True


def _noun_follows(after: Sequence[str]) -> bool:
    return bool(after) and (known_as(after[0]) is not None or known_as(" ".join(after)) is not None)


def _count(text: str) -> int | None:
    if text in ENGLISH_COUNTS:
        return ENGLISH_COUNTS[text]
    if text.isdecimal() and 0 < int(text) <= 2 * MOST:
        return int(text)
    found = _MEASURED.fullmatch(text)
    if found and not text.isdecimal():
        number = int(found[1]) if found[1].isdecimal() else CHINESE_COUNTS[found[1]]
        return 2 if text.endswith("对") and number == 1 else number
    return None


def _relation(reader: _Reader, text: str, after: Sequence[str]) -> bool:
    """`left of` and its kind; in Chinese the word follows what it relates to: A 在 B 左边, B 左边有 A."""
    last = len(reader.things) - 1
    if text in _SIDES:
        if last >= 0:
            reader.relations.append((last, _SIDES[text], None))
        return True
    if text in _RELATIONS:
        reader.pending = (last, _RELATIONS[text]) if last >= 0 else None
        return True
    if text in _CHINESE_RELATIONS:
        where = _CHINESE_RELATIONS[text]
        if reader.within is not None and last > reader.within:
            reader.relations.append((reader.within, where, last))
        elif last >= 0 and after and after[0] in _HAVE:  # B 左边有 A: A is left of B
            opposite = {"left": "right", "right": "left", "above": "below", "below": "above"}[where]
            reader.pending = last, opposite
        reader.within = None
        return True
    return False


def _scenery(reader: _Reader, text: str) -> bool:
    sky = ENGLISH_SKIES.get(text) or CHINESE_SKIES.get(text) or _MORE_SKIES.get(text)
    place = ENGLISH_PLACES.get(text) or CHINESE_PLACES.get(text)
    if sky is None and place is None:
        return False
    if reader.none:
        if sky is not None:
            reader.absent.append(AskedThing(text, (sky,)))
        return True
    reader.drop_colour()
    reader.sky, reader.place = reader.sky or sky, reader.place or place
    return True


def _named(reader: _Reader, span: Sequence[str], text: str, tags: Sequence[str]) -> bool:
    if text in _FILLERS or (len(span) == 1 and text.isascii() and tags[0] not in {"NOUN", "PROPN", "ADJ"}):
        return False
    if len(text) == 1 and not text.isascii() and tags[0] not in {"NOUN", "PROPN", "VERB", "ADJ"}:
        return False
    if len(span) > 1 and (tags[-1] not in {"NOUN", "PROPN", "ADJ", "VERB", "NUM"} or {"in", "on", "at"} & set(span)):
        return False  # `umbrella in the rain` is a wording of one picture alone
    name = known_as(text, several=(reader.count or 1) > 1)
    if name is None and not text.isascii() and len(span) == 1 and len(text) > 1:
        colour, rest = CHINESE_COLOURS.get(text[0]), known_as(text[1:])
        if colour and rest:
            reader.colour, name = (colour, text[0]), rest
        elif text[0] in "大小" and rest:
            name = rest
    if name is None or (text.isascii() and tags[-1] == "ADJ" and len(span) == 1):
        return False
    if name in _SKY_THINGS and not reader.none and reader.sky is None:
        reader.sky = _SKY_THINGS[name]
        if (reader.count or 1) == 1:
            reader.count, reader.colour, reader.said_one = None, None, False
            return True
    reader.thing(name, plural=text.isascii() and name != text)
    return True


def _leave(reader: _Reader, token: str, word: str, tag: str) -> None:
    """Notes a word that means nothing known, unless it says nothing that could be seen."""
    english, chinese = _of_scenery()
    if tag == "PUNCT":
        reader.drop_colour()
    if tag not in _WEIGHTS or word in _FILLERS or word in english or (not word.isascii() and word in chinese):
        return
    weight = _WEIGHTS[tag]
    reader.unread.append((token, weight))
    if weight == NOUN:
        reader.count, reader.said_one = None, False
        reader.drop_colour()
