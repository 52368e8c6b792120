"""Builds the captioned data set: single concepts on a clean ground, and composed scenes.

`concepts.parquet` holds one row a concept: its sprite and names. `pictures-0000N.parquet` hold the captioned pictures
with what each shows, where it stands, licence, source and split.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tasks.emoji import captions
from tasks.emoji.backdrops import PLACES, PLAIN, SKIES
from tasks.emoji.concepts import Concept
from tasks.emoji.scenes import Asked, Painter, Placed, arrange, surroundings
from tasks.emoji.vocabulary import COUPLES, RELATIONS

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_OBJECT = pa.struct(
    [
        ("concept", pa.string()),
        ("slot", pa.int32()),
        ("x", pa.float32()),
        ("foot", pa.float32()),
        ("size", pa.float32()),
    ]
)
CONCEPTS = pa.schema(
    {
        **dict.fromkeys(("id", "en", "zh", "kind"), pa.string()),
        "image": _IMAGE,
        **dict.fromkeys(("licence", "source"), pa.string()),
    }
)
PICTURES = pa.schema(
    {
        "id": pa.string(),
        "image": _IMAGE,
        **dict.fromkeys(("caption", "language", "kind", "place", "sky"), pa.string()),
        "concepts": pa.list_(pa.string()),
        "objects": pa.list_(_OBJECT),
        **dict.fromkeys(("licence", "source", "split"), pa.string()),
    }
)
_WEIGHTS = {"animal": 4.0, "person": 1.6, "vehicle": 4.0, "boat": 6.0, "flyer": 4.0, "plant": 2.5, "building": 2.0}
_WEIGHTS |= {"food": 1.2, "object": 0.7, "face": 0.4, "couple": 60.0}
_ROWS_A_FILE = 4096


@dataclass(frozen=True)
class Row:
    """One captioned picture before it is painted: `seed` decides how its backdrop looks."""

    id: str
    caption: str
    language: str
    kind: str
    place: str
    sky: str
    asked: tuple[Concept, ...]
    placed: tuple[Placed, ...]
    split: str
    seed: int


def single_rows(concepts: list[Concept], seed: int) -> Iterator[Row]:
    """Each concept by its names, everyday words and tags; one in eight of the tags is held out as `test`."""
    for number, concept in enumerate(concepts):
        rng = np.random.default_rng((seed, 1, number))
        words = [("en", concept.en, "name"), ("zh", concept.zh, "name")]
        words += [(language, word, "name") for language, word in concept.names]
        spoken = [(lang, captions.single(word, lang, concept.measure, rng), "phrase") for lang, word, _ in words]
        tags = [(lang, tag, "tag") for lang, tag in concept.tags]
        placed = [arrange(PLAIN, [Asked(concept)], None, rng) for _ in range(2)]
        for i, (language, caption, kind) in enumerate(dict.fromkeys(words + spoken + tags)):
            held_out = kind == "tag" and rng.random() < 0.125
            yield Row(
                f"{concept.id}-{i}",
                caption,
                language,
                kind,
                PLAIN,
                PLAIN,
                (concept,),
                tuple(placed[i % 2]),
                "test" if held_out else "train",
                number * 2 + i % 2,
            )


def scene_rows(concepts: list[Concept], count: int, seed: int) -> Iterator[Row]:
    """Composed scenes, each a pure function of its number; one in thirty is held out as `test`."""
    chosen = [c for c in concepts if c.kind in _WEIGHTS and ":" not in c.en]
    weights = np.array([_WEIGHTS[c.kind] * (4.0 if c.names and c.kind != "couple" else 1.0) for c in chosen])
    weights /= weights.sum()
    for number in range(count):
        rng = np.random.default_rng((seed, 2, number))
        amount = int(rng.choice(5, p=[0.10, 0.46, 0.28, 0.10, 0.06]))
        drawn = [chosen[i] for i in rng.choice(len(chosen), size=max(amount, 1), p=weights)]
        if amount > 1 and rng.random() < 0.4:
            drawn = [drawn[0]] * amount
        scaled = amount == 1 and rng.random() < 0.15
        scale = float(rng.choice([1.45, 0.6])) if scaled else 1.0
        asked = [Asked(c, scale) for c in drawn[:amount]]
        distinct = amount == 2 and drawn[0].id != drawn[1].id
        relation = str(rng.choice(list(RELATIONS))) if distinct and rng.random() < 0.5 else None
        boats = any(c.kind == "boat" for c in drawn[:amount])
        place = "sea" if boats and rng.random() < 0.6 else str(rng.choice(PLACES))
        sky = str(rng.choice(SKIES, p=[0.30, 0.16, 0.16, 0.13, 0.12, 0.13]))
        says_place, says_sky = bool(rng.random() < 0.88), bool(rng.random() < 0.62)
        if not says_sky and rng.random() < 0.75:
            sky = "sunny"
        if not says_place and not says_sky:
            says_place = amount == 0
        if not says_place and not says_sky:
            place, sky = PLAIN, PLAIN
        language = "en" if rng.random() < 0.5 else "zh"
        caption = captions.scene(
            place if says_place else None, sky if says_sky else None, asked, relation, language, rng
        )
        around = [] if place == PLAIN else surroundings(place, sky, rng)
        yield Row(
            f"scene-{number:06d}",
            caption,
            language,
            "scene",
            place,
            sky,
            tuple(a.concept for a in asked),
            tuple(around + arrange(place, asked, relation, rng)),
            "test" if rng.random() < 1 / 30 else "train",
            10_000_000 + number,
        )


def phrase_rows(concepts: list[Concept], count: int, seed: int) -> Iterator[Row]:
    """Short phrases: two in three about a place or sky without anything in it, the others about two people in one."""
    by_id = {c.id: c for c in concepts}
    couples = [couple for couple in COUPLES if couple[0] in by_id]
    for number in range(count):
        rng = np.random.default_rng((seed, 4, number))
        place, sky = str(rng.choice(PLACES)), str(rng.choice(SKIES))
        says_place, says_sky = bool(rng.random() < 0.9), bool(rng.random() < 0.4)
        if not says_sky and says_place:
            sky = "sunny" if rng.random() < 0.8 else sky
        language = "en" if rng.random() < 0.5 else "zh"
        asked: list[Asked] = []
        if couples and rng.random() < 1 / 3:
            code, english, chinese = couples[rng.integers(len(couples))]
            asked = [Asked(by_id[code])]
            place = "beach" if rng.random() < 0.3 else place
            where, when = place if says_place else None, sky if says_sky or not says_place else None
            caption = captions.couple(english if language == "en" else chinese, where, when, language, rng)
        else:
            where, when = place if says_place else None, sky if says_sky or not says_place else None
            caption = captions.landscape(where, when, language, rng)
        yield Row(
            f"phrase-{number:06d}",
            caption,
            language,
            "scene",
            place,
            sky,
            tuple(a.concept for a in asked),
            tuple(surroundings(place, sky, rng) + arrange(place, asked, None, rng)),
            "test" if rng.random() < 1 / 30 else "train",
            20_000_000 + number,
        )


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=92, method=2, exact=True)
    return buffer.getvalue()


def _record(row: Row, image: bytes) -> dict[str, Any]:
    sources = dict.fromkeys(c.source for c in row.asked)
    return {
        "id": row.id,
        "image": {"bytes": image, "path": f"{row.id}.webp"},
        "caption": row.caption,
        "language": row.language,
        "kind": row.kind,
        "place": row.place,
        "sky": row.sky,
        "concepts": [c.id for c in row.asked],
        "objects": [asdict(p) for p in row.placed],
        "licence": "MIT",
        "source": "; ".join([*sources, "backdrop drawn by imagemill"]),
        "split": row.split,
    }


def write_concepts(folder: Path, concepts: list[Concept]) -> None:
    """Writes `concepts.parquet`."""
    records = [
        {
            "id": c.id,
            "en": c.en,
            "zh": c.zh,
            "kind": c.kind,
            "image": {"bytes": _encoded(c.sprite), "path": f"{c.id}.webp"},
            "licence": c.licence,
            "source": c.source,
        }
        for c in concepts
    ]
    pq.write_table(pa.Table.from_pylist(records, CONCEPTS), folder / "concepts.parquet", row_group_size=256)


def write_pictures(folder: Path, rows: list[Row], painter: Painter, seed: int, painted: Callable[[int], None]) -> None:
    """Paints the rows in order and writes them; calls `painted` with how many are done."""
    painted_already: dict[int, bytes] = {}  # the captions of one concept share its pictures
    for start in range(0, len(rows), _ROWS_A_FILE):
        records = []
        for i, row in enumerate(rows[start : start + _ROWS_A_FILE]):
            if row.seed not in painted_already:
                pixels = painter.paint(row.place, row.sky, list(row.placed), np.random.default_rng((seed, 3, row.seed)))
                painted_already[row.seed] = _encoded(Image.fromarray(pixels))
            records.append(_record(row, painted_already[row.seed]))
            if i % 32 == 0:
                painted(start + i)
        path = folder / f"pictures-{start // _ROWS_A_FILE:05d}.parquet"
        pq.write_table(pa.Table.from_pylist(records, PICTURES), path, row_group_size=512)
    painted(len(rows))
