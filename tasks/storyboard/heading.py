"""Scene headings, English and Chinese: inside or outside, the place, the time of day.

INT. LIGHTHOUSE, STAIRS - NIGHT          3. 内景 灯塔楼梯 夜          夜 外 码头
"""

import re
from dataclasses import dataclass

SKIES = ("sunny", "sunset", "night", "rain", "snow", "cloud")
"""What the sky may be: the time of day, or the weather."""
# In order: weather is said of a time of day, so it comes first.
_SKY_WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "rain": (r"rain\w*|storm\w*|thunder\w*", ("雨", "风暴")),
    "snow": (r"snow(?:s|ing|fall|storm)?|blizzard", ("雪",)),
    "sunset": (
        r"dawn|dusk|sunset|sunrise|evening|magic hour",
        ("黄昏", "傍晚", "清晨", "日出", "日落", "黎明", "晨", "昏"),
    ),
    "night": (r"night|midnight|later that night", ("夜", "晚", "深夜")),
    "cloud": (r"overcast|cloudy|fog\w*|mist\w*", ("阴", "雾")),
    "sunny": (r"day|morning|noon|afternoon", ("日", "白天", "早", "上午", "中午", "下午", "午")),
}
_TIMES = {"continuous", "later", "moments later", "same", "same time", "连续", "稍后", "同时"}
_ENGLISH = re.compile(
    r"^\s*(?:\d+[A-Z]?[.)]?\s+)?(?P<where>INT\.?\s*/\s*EXT|EXT\.?\s*/\s*INT|I\s*/\s*E|INT|EXT|EST)(?:\.|\s)\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
_SIDE = r"内/?外景|外/?内景|内景|外景|内/外|外/内|内|外"
_TIME = r"清晨|早晨|早上|上午|中午|正午|下午|黄昏|傍晚|日出|日落|黎明|白天|夜晚|深夜|雨夜|雪夜|晚上|日|夜|晨|昏|晚"
_NUMBER = r"(?:第?\s*[0-9一二三四五六七八九十百]+\s*(?:场|[.、)．]|\s)\s*)?"
_BREAK = r"[\s.。，,、：:·—–/-]"
_CHINESE = (  # side first, or time first, as both are usual; the side of one letter needs a break after it
    re.compile(rf"^\s*{_NUMBER}[【\[]?(?P<where>{_SIDE})(?:(?<=景)|(?={_BREAK})){_BREAK}*(?P<rest>.+?)[】\]]?\s*$"),
    re.compile(rf"^\s*{_NUMBER}(?P<time>{_TIME}){_BREAK}*(?P<where>{_SIDE})(?:(?<=景)|(?={_BREAK})){_BREAK}*(?P<rest>.+?)\s*$"),
    re.compile(rf"^\s*{_NUMBER}(?P<rest>\S.{{0,20}}?){_BREAK}+(?P<time>{_TIME}){_BREAK}*(?P<where>{_SIDE})\s*$"),
)  # fmt: skip


@dataclass(frozen=True)
class Heading:
    """A heading as it stands in the script, and what it says; empty or None where it says nothing."""

    text: str
    inside: bool | None = None
    place: str = ""
    time: str = ""

    @property
    def sky(self) -> str | None:
        """One of `SKIES`, from the time of day and the weather."""
        return sky_of(self.time)


def read_heading(line: str) -> Heading | None:
    """A line as a heading, or None if it is none."""
    text = line.strip()
    found = _ENGLISH.match(text)
    if found is not None:
        place, time = _split_time(found["rest"])
        where = found["where"].upper()
        return Heading(text, None if "/" in where or where == "EST" else where == "INT", place, time)
    for pattern in _CHINESE:
        found = pattern.match(text)
        if found is None:
            continue
        rest, time = found["rest"].strip(), (found.groupdict().get("time") or "")
        if not time:
            rest, time = _split_chinese_time(rest)
        where = found["where"]
        return Heading(text, None if "外" in where and "内" in where else where.startswith("内"), rest, time)
    return None


def forced_heading(text: str) -> Heading:
    """The heading that a line is which the script marks as one, whatever it says."""
    found = read_heading(text)
    if found is not None:
        return found
    place, time = _split_time(text)
    return Heading(text.strip(), None, place, time)


def sky_of(text: str) -> str | None:
    """What a text says of the sky, one of `SKIES`, or None."""
    for sky, (english, chinese) in _SKY_WORDS.items():
        if re.search(rf"\b(?:{english})\b", text, re.IGNORECASE) or any(word in text for word in chinese):
            return sky
    return None


def _split_time(rest: str) -> tuple[str, str]:
    """Place and time, which stand on either side of a dash: what is after it is a time of day or weather."""
    parts = re.split(r"\s+[-–—]+\s+|\s*[–—]\s*", rest.strip())
    times: list[str] = []
    while len(parts) > 1 and (sky_of(parts[-1]) or parts[-1].strip(" .").lower() in _TIMES):
        times.insert(0, parts.pop().strip(" ."))
    if times:
        return " - ".join(parts).strip(), " - ".join(times)
    return _split_chinese_time(rest.strip())


def _split_chinese_time(rest: str) -> tuple[str, str]:
    found = re.match(rf"^(?P<place>.+?){_BREAK}+(?P<time>(?:{_TIME}|雨|雪|阴|连续|稍后|同时|[，,、]|\s)+)$", rest)
    return (found["place"].strip(" -—–，,"), found["time"].strip()) if found else (rest, "")
