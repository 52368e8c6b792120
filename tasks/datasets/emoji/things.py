"""The things that the embedded model knows, by their English and Chinese names."""

import csv
import difflib
from functools import cache
from pathlib import Path

from models import checkpoint
from models.weight_files import DEFAULT
from tasks.datasets.emoji import vocabulary
from tasks.datasets.emoji.vocabulary import ALIASES

WORDINGS = Path(vocabulary.__file__).with_name("wordings.csv")
WEATHER = {
    "rain": "rain",
    "snow": "snow",
    "stars": "stars",
    "star": "stars",
    "雨": "rain",
    "雪": "snow",
    "星星": "stars",
}
"""What falls or shines all over the picture, which are drawn elements rather than concepts."""
# Everyday words for what the data set calls otherwise.
_MORE = {
    "sun": ("2600",), "太阳": ("2600",), "moon": ("1F315", "1F319"), "月亮": ("1F315", "1F319"), "cloud": ("2601",),
    "云": ("2601",), "云朵": ("2601",), "白云": ("2601",), "tree": ("1F333", "1F332", "1F334"),
    "树": ("1F333", "1F332", "1F334"), "大树": ("1F333", "1F332"), "flower": ("1F33C", "1F337"),
    "花": ("1F33C", "1F337"), "鲜花": ("1F33C", "1F337"), "palm": ("1F334",), "umbrella": ("2602", "26F1", "2614"),
    "雨伞": ("2602", "26F1", "2614"), "伞": ("2602", "26F1", "2614"), "rock": ("1FAA8",), "石头": ("1FAA8",),
    "snowman": ("26C4",), "雪人": ("26C4",), "牛": ("1F404", "1F402"), "羊": ("1F411", "1F410"), "鸡": ("1F414",),
    "鸭": ("1F986",), "猪": ("1F416",), "人": ("1F9CD", "1F6B6"), "人物": ("1F9CD", "1F6B6"),
    "虎": ("1F405",), "船": ("26F5", "1F6A2"), "车": ("1F697",), "飞机": ("2708",),
    # what photographs' data sets call them
    "bottle": ("1F37E", "1F37C", "1F9F4"), "瓶子": ("1F37E", "1F37C"),
    "book": ("1F4D5", "1F4D6", "1F4D7", "1F4D8", "1F4D9"), "vase": ("1F3FA",), "花瓶": ("1F3FA",), "tie": ("1F454",),
    "suitcase": ("1F9F3",), "行李箱": ("1F9F3",), "tv": ("1F4FA",), "donut": ("1F369",), "couch": ("1F6CB",),
    "sofa": ("1F6CB",), "沙发": ("1F6CB",), "traffic light": ("1F6A5", "1F6A6"),
    "sports ball": ("26BD", "1F3C0", "1F3BE", "1F3D0"), "ball": ("26BD", "1F3C0"), "tennis racket": ("1F3BE",),
    "knife": ("1F52A",), "fork": ("1F374",), "bowl": ("1F963", "1F35C"), "cup": ("2615", "1F964"),
    "杯子": ("2615", "1F964"), "snowboard": ("1F3C2",), "surfboard": ("1F3C4",),
}  # fmt: skip
_PEOPLE = {"person", "people", "man", "woman", "人", "人物", "男人", "女人", "男人们"}
_PERSON = {"person", "man", "woman", "people", "boy", "girl", "baby", "couple", "men", "women"}
_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "geese": "goose",
    "wolves": "wolf", "leaves": "leaf", "knives": "knife", "policemen": "policeman", "fish": "fish", "sheep": "sheep",
}  # fmt: skip


@cache
def names() -> dict[str, tuple[str, ...]]:
    """Concepts (ids of emoji) by lower-case name, in both languages; the first is the one that is drawn."""
    found: dict[str, list[str]] = {name: list(ids) for name, ids in _MORE.items()}
    concepts = checkpoint.read_config(DEFAULT)["concepts"]
    known = {id for id, _, _ in concepts}
    for written, english, chinese in ALIASES:
        id = written if written in known else written.removesuffix("-FE0F")
        if id in known:
            found.setdefault(english.lower(), []).append(id)
            found.setdefault(chinese, []).append(id)
    for id, english, chinese in concepts:
        if english != chinese or not id.islower():  # elements are called by their ids
            found.setdefault(english.lower(), []).append(id)
            found.setdefault(chinese, []).append(id)
    with WORDINGS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["concept"] in known:
                found.setdefault(row["text"].lower(), []).append(row["concept"])
    return {name: tuple(dict.fromkeys(id for id in ids if id in known)) for name, ids in found.items()}


def known_as(text: str, several: bool = False) -> str | None:
    """The name under which a thing is known: as it is written, or in the singular; None if it is not.

    Args:
        several: there is a number before it, so that two houses are each a house and not the sprite of some houses.
    """
    text = " ".join(text.lower().split())
    names_of = (text, *_singulars(text))
    for name in reversed(names_of) if several else names_of:
        if name in names() or name in WEATHER:
            return name
    return None


def concepts_of(name: str) -> tuple[str, ...]:
    """The concepts that a known name may mean."""
    return (*names().get(name, ()), *((WEATHER[name],) if name in WEATHER else ()))


@cache
def may_be(name: str) -> tuple[str, ...]:
    """The concepts that a name may mean in a picture: its own, and kinds of it, as a palm tree is a tree."""
    own = concepts_of(name)
    concepts = checkpoint.read_config(DEFAULT)["concepts"]
    if name in _PEOPLE:
        kinds = [id for id, english, _ in concepts if not _PERSON.isdisjoint(english.lower().split())]
    else:
        ends = (f" {name}",) if name.isascii() else (name,)
        kinds = [
            id for id, english, chinese in concepts if f" {english.lower()}".endswith(ends) or chinese.endswith(ends)
        ]
    single = [id for word in _singulars(name) if name.isascii() for id in concepts_of(word)]
    return tuple(dict.fromkeys([*own, *single, *kinds]))


def nearest(text: str, most: int = 3) -> list[str]:
    """Known names that are written most like this one."""
    text = text.lower()
    last = text.split()[-1] if text.split() else text
    short = [name for name in names() if len(name) < 24 and name.isascii() == text.isascii()]
    close = difflib.get_close_matches(text, short, most, 0.7) or difflib.get_close_matches(last, short, most, 0.6)
    if not close and not text.isascii():
        close = [name for name in short if set(name) & set(text)][:most]
    return close


def _singulars(text: str) -> list[str]:
    head, _, last = text.rpartition(" ")
    found = [_IRREGULAR[last]] if last in _IRREGULAR else []
    if last.endswith("ies"):
        found.append(last[:-3] + "y")
    if last.endswith("es"):
        found.append(last[:-2])
    if last.endswith("s") and not last.endswith("ss"):
        found.append(last[:-1])
    return [f"{head} {word}".strip() for word in found]
