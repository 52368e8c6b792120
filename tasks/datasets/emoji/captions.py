"""Writes the caption of a training scene, in English or Chinese, from what it shows."""

import numpy as np

from tasks.datasets.emoji.scenes import Asked
from tasks.datasets.emoji.vocabulary import (
    COLOUR_WORDS,
    COUNTS,
    PLACE_NOUNS,
    PLACE_WORDS,
    RELATIONS,
    SIZES,
    SKY_WORDS,
    VERBS,
)

_EN_STARTS = ("a picture of", "a photo of", "an illustration of", "a drawing of", "an image of", "a 3D picture of", "")
_ZH_STARTS = ("一张{}的图片", "一幅{}的画", "画一{m}{}", "{}的插画", "{}")


def _pick(rng: np.random.Generator, words: tuple[str, ...] | list[str]) -> str:
    return words[rng.integers(len(words))]


def _article(noun: str) -> str:
    if noun.startswith(("two ", "a ", "an ", "the ")) or (noun.endswith("s") and not noun.endswith("ss")):
        return noun
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun if noun.endswith("s") else noun + "es"
    if noun.endswith("man") and noun != "human":
        return noun[:-3] + "men"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def single(noun: str, language: str, measure: str, rng: np.random.Generator) -> str:
    """A caption for one thing alone."""
    if language == "zh":
        if rng.random() < 0.6:
            return f"一{measure}{noun}"
        return _pick(rng, _ZH_STARTS).replace("{m}", measure).replace("{}", noun)
    start = _pick(rng, _EN_STARTS)
    return f"{start} {_article(noun)}".strip()


def _noun(asked: Asked, language: str, rng: np.random.Generator) -> str:
    everyday = [word for lang, word in asked.concept.names if lang == language]
    own = asked.concept.en if language == "en" else asked.concept.zh
    own = own.removesuffix(" face") if language == "en" and asked.concept.kind == "animal" else own
    return _pick(rng, everyday) if everyday and rng.random() < 0.75 else own


def _sized(noun: str, scale: float, language: str, rng: np.random.Generator) -> str:
    if scale == 1.0:
        return noun
    words = SIZES["big" if scale > 1 else "small"][0 if language == "en" else 1]
    return f"{_pick(rng, words)} {noun}" if language == "en" else _pick(rng, words) + noun


def _coloured(noun: str, colour: str | None, language: str, rng: np.random.Generator) -> str:
    if colour is None:
        return noun
    word = _pick(rng, COLOUR_WORDS[colour][0 if language == "en" else 1])
    if language == "en":
        return f"{word} {noun}"
    return f"{word}的{noun}" if word.endswith("色") and rng.random() < 0.7 else f"{word}{noun}"


def _nouns(asked: list[Asked], language: str, rng: np.random.Generator) -> list[str]:
    nouns = [_coloured(_noun(a, language, rng), a.colour, language, rng) for a in asked]
    return [_sized(noun, a.scale, language, rng) for noun, a in zip(nouns, asked, strict=True)]


def _things_en(asked: list[Asked], relation: str | None, rng: np.random.Generator) -> str:
    same = len({a.concept.id for a in asked}) == 1
    nouns = _nouns(asked, "en", rng)
    if same and len(asked) > 1:
        return f"{_pick(rng, COUNTS[len(asked)][0])} {_plural(nouns[0])}"
    phrases = [_article(n) for n in nouns]
    if relation and len(asked) == 2:
        return f"{phrases[0]} {_pick(rng, RELATIONS[relation][0])} {phrases[1]}"
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _things_zh(asked: list[Asked], relation: str | None, rng: np.random.Generator) -> str:
    same = len({a.concept.id for a in asked}) == 1
    nouns = _nouns(asked, "zh", rng)
    if same and len(asked) > 1:
        return f"{COUNTS[len(asked)][1]}{asked[0].concept.measure}{nouns[0]}"
    phrases = [f"一{a.concept.measure}{n}" if rng.random() < 0.8 else n for a, n in zip(asked, nouns, strict=True)]
    if relation and len(asked) == 2:
        return f"{phrases[0]}在{phrases[1]}{RELATIONS[relation][1]}"
    return phrases[0] if len(phrases) == 1 else f"{'、'.join(phrases[:-1])}和{phrases[-1]}"


def _verb(asked: list[Asked], language: str, chance: float, rng: np.random.Generator) -> str:
    kinds = {a.concept.kind for a in asked}
    if len(kinds) != 1 or rng.random() > chance:
        return ""
    verbs = VERBS.get(next(iter(kinds)))
    return _pick(rng, verbs[0 if language == "en" else 1]) if verbs else ""


def _english(
    place: str | None, sky: str | None, asked: list[Asked], relation: str | None, rng: np.random.Generator
) -> str:
    where = _pick(rng, PLACE_WORDS[place][0]) if place else ""
    when = _pick(rng, SKY_WORDS[sky][0]) if sky else ""
    detail = _pick(rng, PLACE_WORDS[place][3]) if place and rng.random() < 0.25 else ""
    if not asked:
        noun = _pick(rng, PLACE_WORDS[place][1]) if place else "sky"
        scene = f"{_pick(rng, SKY_WORDS[sky][1])} {noun}" if sky and rng.random() < 0.5 else f"{noun} {when}"
        return ", ".join(part for part in (_article(scene.strip()), detail) if part)
    things = _things_en(asked, relation, rng)
    verb = _verb(asked, "en", 0.5, rng)
    if sky and rng.random() < 0.3:  # the scene first, as a sentence
        opening = f"{when[0].upper()}{when[1:]}"
        body = f"{things} {'is' if len(asked) == 1 else 'are'} {verb or 'there'} {where}".strip()
        return ", ".join(p for p in (opening, body, detail) if p) + "."
    if place and rng.random() < 0.2:
        adjective = f"{_pick(rng, SKY_WORDS[sky][1])} " if sky else ""
        noun = f"{adjective}{_pick(rng, PLACE_WORDS[place][1])}"
        return f"{_article(noun)} with {things}" + (f" {verb}" if verb else "")
    parts = [things, verb, where, when] if rng.random() < 0.7 else [things, verb, when, where]
    return ", ".join(p for p in (" ".join(q for q in parts if q), detail) if p)


def _chinese(
    place: str | None, sky: str | None, asked: list[Asked], relation: str | None, rng: np.random.Generator
) -> str:
    where = _pick(rng, PLACE_WORDS[place][2]) if place else ""
    clause = _pick(rng, SKY_WORDS[sky][2]) if sky else ""
    when = _pick(rng, SKY_WORDS[sky][3]) if sky else ""
    detail = _pick(rng, PLACE_WORDS[place][4]) if place and rng.random() < 0.4 else ""
    if not asked:
        bare = where.removesuffix("上").removesuffix("里").removesuffix("中") if place else "天空"
        scene = f"{when}的{bare}" if sky and rng.random() < 0.5 else "，".join(p for p in (clause, where or bare) if p)
        return "，".join(p for p in (scene, detail) if p)
    things, verb = _things_zh(asked, relation, rng), _verb(asked, "zh", 0.6, rng)
    style = rng.random()
    if sky and style < 0.45:  # clauses of a sentence: weather, who does what where, a detail
        body = f"{where}有{things}{verb}" if where else f"{things}{verb}"
        if relation:
            body = f"{where}，{things}" if where else things
        elif where and verb and rng.random() < 0.4:
            body = f"{things}在{where}{verb}"
        return "，".join(p for p in (clause, body, detail) if p) + "。"
    if relation or not where:
        return "，".join(p for p in ((when or "") + where, things + verb) if p)
    if style < 0.75:
        return f"{when}{where}的{things}" + (f"，{detail}" if detail else "")
    return f"{things}在{when and when + '的'}{where}{verb}" + (f"，{detail}" if detail else "")


def predicate(asked: Asked, language: str, rng: np.random.Generator) -> str:
    """A caption that says one thing's colour after its name: "a car that is blue", "一辆车，是蓝色的"."""
    assert asked.colour is not None
    noun, word = _noun(asked, language, rng), _pick(rng, COLOUR_WORDS[asked.colour][0 if language == "en" else 1])
    if language == "en":
        form = _pick(rng, ("{a} that is {c}", "{a} painted {c}", "{a}, {c}", "{a} in {c}", "the {n} is {c}"))
        return form.replace("{a}", _article(noun)).replace("{n}", noun).replace("{c}", word)
    word = word if word.endswith("色") else f"{word}色"
    form = _pick(rng, ("一{m}{n}，是{c}的", "{n}是{c}的", "{c}，{n}", "一{m}{n}，{c}", "颜色是{c}的{n}"))
    return form.replace("{m}", asked.concept.measure).replace("{n}", noun).replace("{c}", word)


def landscape(place: str | None, sky: str | None, language: str, rng: np.random.Generator) -> str:
    """A caption of a place or sky with nothing in it, in praise of it more often than not."""
    if language == "en":
        praise = _pick(rng, ("beautiful ", "lovely ", "peaceful ", "quiet ", "wide ", "empty ", "pretty ", ""))
        noun = _pick(rng, PLACE_WORDS[place][1]) if place else _pick(rng, ("sky", "landscape", "weather"))
        if place and rng.random() >= 0.6:
            noun = f"{place} {_pick(rng, ('landscape', 'scenery', 'view'))}"
        start = _pick(rng, ("", "", "", "a view of ", "a picture of ", "a painting of "))
        when = f" {_pick(rng, SKY_WORDS[sky][0])}" if sky else ""
        detail = f", {_pick(rng, PLACE_WORDS[place][3])}" if place and rng.random() < 0.2 else ""
        return f"{start}{_article(praise + noun)}{when}{detail}"
    praise = _pick(rng, ("美丽的", "宁静的", "辽阔的", "安静的", "漂亮的", "迷人的", ""))
    where = _bare(_pick(rng, PLACE_WORDS[place][2])) if place else "天空"
    end = _pick(rng, ("", "", "风景", "景色", "的风光"))
    when = (_pick(rng, SKY_WORDS[sky][3]) + ("的" if praise == "" else "")) if sky else ""
    if sky and rng.random() < 0.3:
        when = _pick(rng, SKY_WORDS[sky][2]) + "，"
    detail = f"，{_pick(rng, PLACE_WORDS[place][4])}" if place and rng.random() < 0.2 else ""
    return f"{when}{praise}{where}{end}{detail}"


def couple(who: str, place: str | None, sky: str | None, language: str, rng: np.random.Generator) -> str:
    """A caption of two people who are doing something together."""
    verb = _pick(rng, VERBS["couple"][0 if language == "en" else 1])
    where = _pick(rng, PLACE_WORDS[place][0 if language == "en" else 2]) if place else ""
    if language == "en":
        when = _pick(rng, SKY_WORDS[sky][0]) if sky else ""
        detail = f", {_pick(rng, PLACE_WORDS[place][3])}" if place and rng.random() < 0.3 else ""
        return " ".join(part for part in (who, verb, where, when) if part) + detail
    clause = f"{_pick(rng, SKY_WORDS[sky][2])}，" if sky else ""
    detail = f"，{_pick(rng, PLACE_WORDS[place][4])}" if place and rng.random() < 0.5 else ""
    body = f"{who}在{where}{verb}" if where and rng.random() < 0.5 else f"{where}{'有' if where else ''}{who}{verb}"
    return f"{clause}{body}{detail}"


def at_place(place: str, sky: str | None, asked: list[Asked], language: str, rng: np.random.Generator) -> str:
    """A caption of what flies above a place, or stands beside it: the place is no thing like the two of a relation."""
    ground = _pick(rng, PLACE_NOUNS[place][0 if language == "en" else 1])
    above = asked[0].concept.kind == "flyer"
    if language == "en":
        when = _pick(rng, SKY_WORDS[sky][0]) if sky else ""
        if sky and above and rng.random() < 0.5:
            when = f"in the {_pick(rng, (sky, *SKY_WORDS[sky][1]))} sky"
        relation = _pick(rng, RELATIONS["above" if above else "beside"][0])
        where = f"{relation} {f'the {ground}' if rng.random() < 0.6 else _article(ground)}"
        parts = [where, when] if rng.random() < 0.5 else [when, where]
        return " ".join(p for p in (_things_en(asked, None, rng), _verb(asked, "en", 0.4, rng), *parts) if p)
    things = _things_zh(asked, None, rng)
    when = f"{_pick(rng, SKY_WORDS[sky][2 if rng.random() < 0.5 else 3])}，" if sky else ""
    side = _pick(rng, ("上空", "上方", "上面") if above else ("旁边", "边上", "附近"))
    forms = ("{g}{s}有{t}", "{t}在{g}{s}", "{g}{s}的{t}", *(("{g}{s}飞着{t}", "{t}飞过{g}{s}") if above else ()))
    return when + _pick(rng, forms).replace("{g}", ground).replace("{s}", side).replace("{t}", things)


def _bare(where: str) -> str:
    """A Chinese place without the word that says on or in it."""
    return where if len(where) < 3 else where.rstrip("上里中下")


def scene(
    place: str | None,
    sky: str | None,
    asked: list[Asked],
    relation: str | None,
    language: str,
    rng: np.random.Generator,
) -> str:
    """The caption of a scene; `place` and `sky` are None where the caption is to leave them open."""
    write = _english if language == "en" else _chinese
    return write(place, sky, asked, relation, rng)
