"""The words that say how many, where, and none of what in prompts, and those that say nothing that could be seen."""

import re
from functools import cache

from models.asked import ACTION, NOUN, QUALITY
from tasks.datasets.emoji.vocabulary import PLACE_WORDS, SKY_WORDS, VERBS

LONGEST = 6  # words of a name
MOST = 10  # of one thing
RELATIONS = {
    **dict.fromkeys(("to the left of", "left of", "on the left of", "on the left side of"), "left"),
    **dict.fromkeys(("to the right of", "right of", "on the right of", "on the right side of"), "right"),
    **dict.fromkeys(("above", "on top of", "over"), "above"),
    **dict.fromkeys(("below", "under", "beneath", "underneath"), "below"),
}
SIDES = {
    **dict.fromkeys(("on the left", "at the left", "on the left side"), "left"),
    **dict.fromkeys(("on the right", "at the right", "on the right side"), "right"),
}
CHINESE_RELATIONS = {
    **dict.fromkeys(("左边", "左侧", "左面", "左方"), "left"),
    **dict.fromkeys(("右边", "右侧", "右面", "右方"), "right"),
    **dict.fromkeys(("上方", "上空", "上面"), "above"),
    **dict.fromkeys(("下方", "下面", "底下"), "below"),
}
NONE = {"no", "without", "without any", "with no", "not any", "没有", "不要", "无", "没"}
END_OF_NONE = {",", ".", ";", "but", "with", "，", "。", "；", "、但", "但"}
PAIRS = {"couple", "lovers", "情侣", "恋人", "夫妻", "年轻情侣"}  # of whom `a pair` is one thing
HAVE = {"是", "有", "站着", "放着", "坐着"}
SKY_THINGS = {"moon": "night", "stars": "night", "月亮": "night", "星星": "night", "sun": "sunny", "太阳": "sunny"}
MORE_SKIES = {
    **dict.fromkeys(("night sky", "dark night", "in the dark", "starry sky", "under a night sky"), "night"),
    **dict.fromkeys(("夜空", "夜空下", "夜色", "黑夜里"), "night"),
}
FILLER_WORDS = """
photo picture image photograph shot pic scene view background front side piece kind lot middle center centre big large
huge small little tiny new some several many few other another one thing things day time sky air be is are sit sits
sitting stand stands standing lie lies lying look looks looking hang hangs hanging walk walks run runs fly flies flying
swim swims swimming hill hills show shows showing have has make made put see seen set called wave waves
照片 图片 图像 画面 背景 场景 一张 一幅 一片 一 个 只 大 小 里 上 下 中 天 天空 旁边 附近 一起 正在 着 坐 站 躺 看 飞
跑 走 是 有 在 前有 前面 后面 前 后 海浪 浪花 波浪 波涛 海风 海水 海岸线
"""
PART_WORDS = "cup glass bowl slice piece bottle plate bunch pair group foot top middle edge couple"
PART_OF = frozenset(PART_WORDS.split())
FILLERS = frozenset(FILLER_WORDS.split())
WEIGHTS = {"NOUN": NOUN, "PROPN": NOUN, "X": NOUN, "ADJ": QUALITY, "NUM": QUALITY, "VERB": ACTION}
MEASURED = re.compile(
    r"([一二两三四五六七八九十]|\d{1,2})[只个把棵辆艘匹条座朵架台头位名幢栋间颗枚张本件顶块根幅支口尾峰束轮株艇对杯碗盘瓶列串片份]?"
)


@cache
def of_scenery() -> tuple[frozenset[str], str]:
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
