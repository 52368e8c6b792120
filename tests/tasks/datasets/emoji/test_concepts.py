"""Concepts: names and pictures meet under one id, sprites stand on their lower edge, missing archives are named."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tasks.datasets.emoji.concepts import SPRITE_EDGE, emoji_concepts, fetch_archives, normalised, sprite_array
from tasks.runfolder.errors import BadInput
from tests.tiny import shape


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def entry(code: str, label: str, tags: list[str], group: int = 3, subgroup: int = 34) -> dict[str, object]:
    return {"hexcode": code, "label": label, "tags": tags, "group": group, "subgroup": subgroup}


def webp(seed: int) -> bytes:
    buffer = io.BytesIO()
    shape(seed).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


@pytest.fixture
def archives(tmp_path: Path) -> tuple[Path, Path]:
    en = [entry("1F415", "dog", ["pet", "animal"]), entry("2708", "airplane", [], 5, 56), entry("1F1E6", "flag", [], 9)]
    zh = [entry("1F415", "狗", ["宠物"]), entry("2708", "飞机", [], 5, 56), entry("1F1E6", "旗", [], 9)]
    pictures = {f"package/assets/{name}.webp": webp(i) for i, name in enumerate(("1f415", "2708-fe0f", "1f1e6"))}
    names = {f"package/{lang}/data.json": json.dumps(rows).encode() for lang, rows in (("en", en), ("zh", zh))}
    short = {
        "emojibase": {"1F415": "dog", "2708": ["airplane", "aero_plane_2"]},
        "github": {"1F415": ["dog2", "hound"]},
    }
    short["joypixels"] = {"2708": ["small_airplane", "aeroplane", "pet"]}
    names |= {f"package/en/shortcodes/{v}.json": json.dumps(codes).encode() for v, codes in short.items()}
    return archive(tmp_path / "pictures.tgz", pictures), archive(tmp_path / "names.tgz", names)


def test_names_meet_pictures_whatever_the_variation_selector_and_flags_stay_out(archives: tuple[Path, Path]) -> None:
    dog, plane = emoji_concepts(*archives)
    assert (dog.id, dog.en, dog.zh, dog.kind, dog.measure) == ("1F415", "dog", "狗", "animal", "只")
    assert ("zh", "宠物") in dog.tags
    assert ("en", "puppy") in dog.names
    assert (plane.id, plane.zh, plane.kind) == ("2708", "飞机", "flyer")
    assert dog.licence == "MIT"


def test_a_sprite_fills_its_edge_and_stands_in_the_middle_of_the_lower_one() -> None:
    pixels = sprite_array(normalised(shape(1)))
    assert pixels.shape == (4, SPRITE_EDGE, SPRITE_EDGE)
    assert (pixels[:3] <= pixels[3:] + 1e-6).all()
    rows, columns = np.nonzero(pixels[3] > 0.5)
    assert SPRITE_EDGE - 8 <= rows.max() < SPRITE_EDGE
    assert abs((columns.min() + columns.max()) / 2 - SPRITE_EDGE / 2) < 2
    assert max(np.ptp(rows), np.ptp(columns)) > SPRITE_EDGE - 12


def test_without_npm_the_sentence_says_which_archive_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"npm is not installed.*fluent-emoji-3d"):
        fetch_archives(tmp_path / "archives")


def test_paraphrases_are_other_vendors_names_and_the_table_s_and_none_was_ever_seen(
    archives: tuple[Path, Path],
) -> None:
    dog, plane = emoji_concepts(*archives)
    assert (dog.aliases, plane.aliases) == ((), ("aero plane",))
    assert ("en", "hound", "github") in dog.paraphrases
    assert ("en", "small airplane", "joypixels") in plane.paraphrases
    told = {text for concept in (dog, plane) for _, text, _ in concept.paraphrases}
    assert not told & {"dog", "aeroplane", "pet", "airplane"}  # names, tags or short names of any concept
    assert {language for language, _, source in plane.paraphrases if source == "hand"} == {"en", "zh"}


def test_wordings_are_the_table_s_without_what_is_known_or_held_out(
    archives: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dog, _ = emoji_concepts(*archives)
    assert {language for language, _ in dog.wordings} == {"en", "zh"}
    held_out = dog.paraphrases[0][1]
    row = dog.wordings[0][1]
    table = [{"concept": dog.id, "language": "en", "text": text} for text in (held_out.upper(), "Pet", "AIRPLANE", row)]
    monkeypatch.setattr(
        "tasks.datasets.emoji.concepts._table", lambda name: iter(table if name == "wordings.csv" else ())
    )
    assert emoji_concepts(*archives)[0].wordings == (("en", row),)
