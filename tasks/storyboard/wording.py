"""Prompts of panels and character cards, in the script's language.

A generator that draws anything gets shot, characters with their looks, action, place, light and style. One that shows
things of a list gets a sentence like those it was trained on: things in colours, a place and a sky that it knows.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from tasks.datasets.emoji.vocabulary import COLOUR_WORDS, PLACE_WORDS, SIZES, SKY_WORDS
from tasks.storyboard.characters import Character
from tasks.storyboard.heading import Heading
from tasks.storyboard.panels import Panel
from tasks.storyboard.shots import PHRASES
from tasks.text.segment import segment

MOST_SHOWN = 3  # characters, and things that their action names, in a panel of things
# Where the embedded model has no such place, the nearest that it has. In order: what names the ground comes first.
_PLACES: dict[str, str] = {
    "snowfield": r"snow\w*|ice|glacier|arctic|tundra|雪地|雪原|冰",
    "mountain": r"mountains?|peaks?|cliffs?|summit|canyon|valley|ridge|雪山|山顶|山谷|山脚|山上|悬崖|峰",
    "beach": r"beach|shore|coast|seaside|sand|rocks|harbou?r|pier|dock|jetty|lighthouse|"
    r"海滩|沙滩|海边|岸|码头|渡口|礁|灯塔|河边|湖边",
    "sea": r"sea|ocean|river|lake|boat|ship|deck|water|海|河|江|湖|船",
    "forest": r"forest|woods?|jungle|trees|grove|森林|树林|丛林|林",
    "desert": r"desert|dunes?|wasteland|沙漠|沙丘|戈壁|荒漠",
    "city": r"city|town|streets?|road|alley|market|square|station|roof\w*|bridge|shop|café|cafe|school|hospital|"
    r"downtown|highway|城|街|路|巷|市场|广场|车站|屋顶|桥|楼|商店|学校|医院",
    "meadow": r"meadow|fields?|park|garden|hill\w*|farm|lawn|countryside|village|grass\w*|yard|"
    r"草|田|公园|花园|山坡|农|村|院",
}  # fmt: skip
_OUTSIDE = "meadow"  # where a heading outside names no ground
_NO_PROPS = {"eye", "eyes", "ear", "nose", "mouth", "leg", "foot", "hand", "heart", "hole", "link", "hook"}
_NO_PROPS |= {"star", "sun", "moon", "cloud", "rain", "snow", "fog", "person", "man", "woman"}
_NO_PROPS |= {"眼", "手", "心", "人", "太阳", "月亮", "星", "雨", "雪", "云"}


def is_chinese(text: str) -> bool:
    """Whether a text is in Chinese rather than English."""
    return len(re.findall(r"[\u3400-\u9fff]", text)) * 4 > len(re.findall(r"[A-Za-z]", text))


def panel_prompt(panel: Panel, style: str, things: Mapping[str, str], chinese: bool) -> str:
    """The prompt of a panel."""
    if things:
        return _scene_of_things(panel, things, chinese)
    shot = PHRASES[panel.shot][chinese]
    heading = panel.scene.heading
    looks = [_with_look(one, chinese) for one in panel.shown]
    action = panel.action or _speaking(panel, chinese)
    if chinese:
        where = f"{'室内' if heading.inside else '室外' if heading.inside is False else ''}{heading.place}"
        parts = [shot, "、".join(looks), action.rstrip("。"), where, heading.time, style]
        return "，".join(part for part in parts if part)
    inside = {True: "inside ", False: "outside, ", None: ""}[heading.inside]
    parts = [
        shot,
        " and ".join(looks),
        action.rstrip("."),
        f"{inside}{heading.place.lower()}",
        heading.time.lower(),
        style,
    ]
    return ", ".join(part for part in parts if part.strip(" ,"))


def card_prompt(character: Character, style: str, things: Mapping[str, str], chinese: bool) -> str:
    """The prompt of a character's card: the character alone."""
    if things:
        return _thing(character, "", chinese)
    look = _with_look(character, chinese)
    before, after = ("角色设定图，全身", "纯色背景") if chinese else ("character sheet, full body", "plain background")
    return ("，" if chinese else ", ").join(part for part in (before, look, after, style) if part)


def place_of(heading: Heading) -> str | None:
    """The place of the embedded model that a heading outside means; None inside, which it has no place for."""
    if heading.inside:
        return None
    for place, pattern in _PLACES.items():
        if re.search(_whole_words(pattern), heading.place or heading.text, re.IGNORECASE):
            return place
    return _OUTSIDE if heading.inside is False else None


def _whole_words(pattern: str) -> str:
    """The pattern with English words whole and Chinese ones anywhere."""
    return "|".join(rf"\b{word}\b" if word.isascii() or "é" in word else word for word in pattern.split("|"))


def _scene_of_things(panel: Panel, things: Mapping[str, str], chinese: bool) -> str:
    place = place_of(panel.scene.heading)
    sky = panel.sky or "sunny" if place else None
    near = "close" in panel.shot and len(panel.shown) == 1
    named = [_thing(one, "big" if near else "", chinese) for one in panel.shown[:MOST_SHOWN]]
    named += [] if near else _props(panel, things, chinese)[: MOST_SHOWN - len(named)]
    if chinese:
        clause, where = (SKY_WORDS[sky][2][0] if sky else ""), (PLACE_WORDS[place][2][0] if place else "")
        what = "和".join(["、".join(named[:-1]), named[-1]] if len(named) > 1 else named)
        body = f"{where}有{what}" if where and what else where or what
        return "，".join(part for part in (clause, body) if part) or panel.action
    where, when = (PLACE_WORDS[place][0][0] if place else ""), (SKY_WORDS[sky][0][0] if sky else "")
    what = " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
    what = what or (f"a {PLACE_WORDS[place][1][0]}" if place else "")
    where = where if named else ""
    return " ".join(part for part in (what, where, when) if part) or panel.action or panel.scene.heading.text


def _thing(character: Character, size: str, chinese: bool) -> str:
    colour = COLOUR_WORDS[character.colour][chinese][0] if character.colour else ""
    if chinese:
        coloured = f"{colour}的" if colour else ""
        return f"一{character.measure}{SIZES[size][1][0] if size else ''}{coloured}{character.thing_zh}"
    return _with_article(" ".join(word for word in (size, colour, character.thing) if word))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def _props(panel: Panel, things: Mapping[str, str], chinese: bool) -> list[str]:
    """The things in an action that the generator has, in its order; none that stands for a character."""
    words = [*segment([panel.action])[0], ("", "")]
    nouns = [(word, tag) for (word, tag), (after, _) in pairwise(words) if after not in {"'s", "’s"}]  # a cook's apron
    tokens = [word.lower() for word, tag in nouns if tag in {"NOUN", "PROPN"}]
    known = {zh: zh for zh in things.values()} if chinese else {en.lower(): en for en in things}
    taken = {one.thing_zh if chinese else one.thing for one in panel.shown}
    found: list[str] = []
    beyond = 0
    for i, token in enumerate(tokens):
        for name in (" ".join(tokens[i : i + 2]), token, token.removesuffix("s")):
            if i >= beyond and name in known and name not in _NO_PROPS and (len(name) > 1 or chinese):
                if known[name] not in {*found, *taken}:
                    found.append(known[name])
                beyond = i + 1 + (" " in name)
                break
    return found if chinese else [_with_article(name) for name in found]


def _with_look(character: Character, chinese: bool) -> str:
    """A character by name and look, with a colour if the look has none, so that every panel shows the same."""
    colour = COLOUR_WORDS[character.colour][chinese][0]
    words_of = [word for word in COLOUR_WORDS[character.colour][chinese] if len(word) > 1]
    if chinese:
        look = character.look or "一个人"
        return f"{character.name}（{look}" + ("" if any(w in look for w in words_of) else f"，穿{colour}衣服") + "）"
    look = character.look or "a person"
    dressed = "" if any(word in look.lower() for word in words_of) else f" in {colour}"
    return f"{character.name.title()} ({look}{dressed})"


def _speaking(panel: Panel, chinese: bool) -> str:
    if panel.line is None:
        return ""
    manner = f" {panel.line.manner}" if panel.line.manner else ""
    return f"正在说话{manner}" if chinese else f"speaking{manner}"
