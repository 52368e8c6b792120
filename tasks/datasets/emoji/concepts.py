"""The concepts a picture may show: a sprite with names and tags in English and Chinese.

Pictures: the Fluent 3D emoji of npm's `@lobehub/fluent-emoji-3d` (MIT); names: npm's `emojibase-data` (MIT). Both come
as archives, through the registry that the machine's npm is configured for. Flags are left out.

Names, tags, emojibase's own short names and `wordings.csv`, written for this project, are to learn from. Held out are
paraphrases: the short names of other vendors, and `paraphrases.csv`, whose Chinese ones of the source `zh-hant` are
the names of emojibase's traditional Chinese (Taiwan) put into simplified characters by OpenCC (`tw2sp`), and those of
`hand` were written for this project too. None of them is a name, tag, short name or wording of any concept, so that
none was ever seen in training.
"""

import csv
import io
import json
import re
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tasks.datasets.emoji.elements import ELEMENTS, draw_element
from tasks.datasets.emoji.vocabulary import ALIASES
from tasks.runfolder.errors import BadInput

PICTURES = "@lobehub/fluent-emoji-3d@1.1.0"
NAMES = "emojibase-data@17.0.0"
SPRITE_EDGE = 128
VENDORS = ("github", "iamcal", "joypixels", "emojibase-legacy")  # whose short names are held out
_MARGIN = 3  # transparent pixels left around a sprite, so that resampling never cuts its edge
_FLYERS = ("bird", "dove", "eagle", "owl", "parrot", "butterfly", "bee", "bat", "kite", "balloon", "rocket", "saucer")

# By emojibase subgroup: what kind of thing it is and the Chinese measure word.
_KINDS: dict[range, tuple[str, str]] = {
    range(23, 32): ("person", "个"),
    range(34, 40): ("animal", "只"),
    range(40, 41): ("plant", "朵"),
    range(41, 42): ("plant", "棵"),
    range(42, 49): ("food", "个"),
    range(50, 54): ("building", "座"),
    range(54, 55): ("vehicle", "辆"),
    range(55, 56): ("boat", "艘"),
    range(56, 57): ("flyer", "架"),
    range(57, 83): ("object", "个"),
}


@dataclass(frozen=True)
class Concept:
    """One thing with its sprite; `kind` says how it behaves in a scene, `measure` is its Chinese measure word."""

    id: str
    en: str
    zh: str
    kind: str
    measure: str
    licence: str
    source: str
    sprite: Image.Image = field(repr=False)
    names: tuple[tuple[str, str], ...] = ()  # (language, everyday word)
    tags: tuple[tuple[str, str], ...] = ()  # (language, tag), only those that few concepts share
    aliases: tuple[str, ...] = ()  # emojibase's short names, English
    wordings: tuple[tuple[str, str], ...] = ()  # (language, what else one would say)
    paraphrases: tuple[tuple[str, str, str], ...] = ()  # (language, text, source), held out of training


def concept_id(code: str) -> str:
    """An emoji's code points without the variation selectors, which its sources disagree about."""
    return "-".join(point for point in code.upper().split("-") if point != "FE0F")


def fetch_archives(folder: Path) -> tuple[Path, Path]:
    """The archives of pictures and names in `folder`, packed by npm where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for package in (PICTURES, NAMES):
        path = folder / (package.lstrip("@").replace("/", "-").replace("@", "-") + ".tgz")
        if not path.exists():
            command = ["npm", "pack", package, "--silent", "--pack-destination", str(folder)]
            try:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
            except FileNotFoundError:
                raise BadInput(
                    f"npm is not installed, and {path} is not there: install npm, or put it there."
                ) from None
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                raise BadInput(f"npm could not fetch {package}; put its archive at {path} by hand. ({error})") from None
        found.append(path)
    return found[0], found[1]


def _members(archive: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() and member.name.startswith(prefix) else None
            if stream is not None:
                yield Path(member.name).name, stream.read()


def normalised(picture: Image.Image) -> Image.Image:
    """Cut to what is visible, scaled to fill the sprite's edge, standing in the middle of its lower edge."""
    box = picture.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox() or (0, 0, *picture.size)
    cut = picture.crop(box)
    room = SPRITE_EDGE - 2 * _MARGIN
    scale = room / max(cut.size)
    size = max(1, round(cut.width * scale)), max(1, round(cut.height * scale))
    premultiplied = cut.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    sprite = Image.new("RGBA", (SPRITE_EDGE, SPRITE_EDGE))
    sprite.paste(premultiplied, ((SPRITE_EDGE - size[0]) // 2, SPRITE_EDGE - _MARGIN - size[1]))
    return sprite


def _kind(row: dict[str, Any]) -> tuple[str, str]:
    subgroup = row["subgroup"]
    if row["label"].endswith("holding hands"):
        return "couple", "对"
    if any(word in row["label"].split() for word in _FLYERS):
        return "flyer", "只"
    for subgroups, kind in _KINDS.items():
        if subgroup in subgroups:
            return kind
    return ("face" if row["group"] == 0 else "symbol"), "个"


def emoji_concepts(pictures: Path, names: Path) -> list[Concept]:
    """Every emoji that has a picture and names in both languages, flags and letters apart, in emojibase's order."""
    en, zh = (
        json.loads(next(data for _, data in _members(names, f"package/{language}/data.json")))
        for language in ("en", "zh")
    )
    images = {concept_id(name.removesuffix(".webp")): data for name, data in _members(pictures, "package/assets/")}
    chinese = {row["hexcode"]: row for row in zh}
    rows = [row for row in en if row.get("group", 9) not in (2, 9) and concept_id(row["hexcode"]) in images]
    shared = Counter(tag for row in rows for tag in {*row.get("tags", ()), *chinese[row["hexcode"]].get("tags", ())})
    names_of: dict[str, list[tuple[str, str]]] = {}
    for code, english, word in ALIASES:
        names_of.setdefault(concept_id(code), []).extend([("en", english), ("zh", word)])
    aliases = _short_names(names, "emojibase", rows)
    known = {
        text for row in rows for text in (row["label"], *row.get("tags", ()), *aliases[concept_id(row["hexcode"])])
    }
    known |= {
        text for row in rows for text in (chinese[row["hexcode"]]["label"], *chinese[row["hexcode"]].get("tags", ()))
    }
    known |= {word for words in names_of.values() for _, word in words}
    paraphrases = _paraphrases(names, rows, known)
    wordings = _wordings(known | {text for texts in paraphrases.values() for _, text, _ in texts})
    concepts = []
    for row in rows:
        code, other = concept_id(row["hexcode"]), chinese[row["hexcode"]]
        tags = [("en", t) for t in row.get("tags", ())] + [("zh", t) for t in other.get("tags", ())]
        kind, measure = _kind(row)
        concepts.append(
            Concept(
                id=code,
                en=row["label"],
                zh=other["label"],
                kind=kind,
                measure=measure,
                licence="MIT",
                source=f"npm:{PICTURES} {code}",
                sprite=normalised(Image.open(io.BytesIO(images[code])).convert("RGBA")),
                names=tuple(dict.fromkeys(names_of.get(code, ()))),
                tags=tuple((lang, t) for lang, t in tags if shared[t] <= 3 and t not in (row["label"], other["label"])),
                aliases=tuple(a for a in aliases[code] if plain(a) != plain(row["label"])),
                wordings=tuple(wordings.get(code, ())),
                paraphrases=tuple(paraphrases.get(code, ())),
            )
        )
    return concepts


def plain(text: str) -> str:
    """A text without what tells two spellings of it apart: case, punctuation and spaces."""
    return re.sub(r"[\W_]+", "", text).casefold()


def _short_names(names: Path, vendor: str, rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """A vendor's short names by concept, as words: `dog2` and `:hot_dog:` are "dog" and "hot dog"."""
    found = next((data for _, data in _members(names, f"package/en/shortcodes/{vendor}.json")), b"{}")
    codes: dict[str, list[str] | str | None] = json.loads(found)
    short = {}
    for row in rows:
        own = codes.get(row["hexcode"]) or []
        words = (
            re.sub(r"[_\s-]+", " ", code).strip(" 0123456789") for code in ([own] if isinstance(own, str) else own)
        )
        short[concept_id(row["hexcode"])] = list(dict.fromkeys(word for word in words if len(word) > 1))
    return short


def _paraphrases(names: Path, rows: list[dict[str, Any]], known: set[str]) -> dict[str, list[tuple[str, str, str]]]:
    """(language, text, source) by concept, without what is `known`."""
    seen = {plain(text) for text in known}
    found: dict[str, list[tuple[str, str, str]]] = {}
    for vendor in VENDORS:
        for code, short in _short_names(names, vendor, rows).items():
            found.setdefault(code, []).extend(("en", text, vendor) for text in short)
    for row in _table("paraphrases.csv"):
        found.setdefault(row["concept"], []).append((row["language"], row["text"], row["source"]))
    kept: dict[str, list[tuple[str, str, str]]] = {}
    for code, texts in found.items():
        spelt: dict[tuple[str, str], tuple[str, str, str]] = {}
        for language, text, source in texts:
            spelt.setdefault((language, plain(text)), (language, text, source))
        kept[code] = [value for (_, spelling), value in spelt.items() if spelling and spelling not in seen]
    return kept


def _wordings(known: set[str]) -> dict[str, list[tuple[str, str]]]:
    """(language, text) by concept, without what is `known` or held out."""
    seen = {plain(text) for text in known}
    found: dict[str, list[tuple[str, str]]] = {}
    for row in _table("wordings.csv"):
        if plain(row["text"]) not in seen:
            found.setdefault(row["concept"], []).append((row["language"], row["text"]))
    return found


def _table(name: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(Path(__file__).with_name(name).read_text("utf-8").splitlines())


def element_concepts() -> list[Concept]:
    """The drawn parts of scenes. They have no words: only the layout of a scene places them."""
    made = []
    for name in ELEMENTS:
        sprite = draw_element(name).convert("RGBa").resize((SPRITE_EDGE,) * 2, Image.Resampling.LANCZOS)
        made.append(Concept(name, name, name, "element", "个", "MIT", "drawn by imagemill", sprite.convert("RGBA")))
    return made


def sprite_array(sprite: Image.Image) -> np.ndarray:
    """(4, edge, edge) float32 in [0, 1], colour premultiplied by coverage."""
    pixels = np.asarray(sprite.convert("RGBA"), np.float32).transpose(2, 0, 1) / 255.0
    pixels[:3] *= pixels[3:]
    return pixels
