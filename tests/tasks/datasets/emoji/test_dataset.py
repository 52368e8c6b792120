"""The captioned data set: scenes say what they show, and the same seed gives the same rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.datasets.emoji import backdrops
from tasks.datasets.emoji.rows import colour_rows, place_rows, scene_rows, single_rows, wording_rows
from tasks.datasets.emoji.scenes import OBJECTS, Painter
from tasks.datasets.emoji.vocabulary import COLOUR_WORDS, PLACE_NOUNS
from tasks.runfolder.errors import BadInput
from tasks.training.data.captioned import read_captioned
from tests.tiny import tiny_concepts, write_tiny


def test_scenes_place_every_named_thing_in_the_caption_s_order() -> None:
    for row in scene_rows(tiny_concepts()[:4], 200, 0):
        placed = {p.slot: p for p in row.placed}
        assert [placed[OBJECTS[i]].concept for i in range(len(row.asked))] == [c.id for c in row.asked]
        assert row.caption.strip() == row.caption != ""
        for slot in OBJECTS:
            if slot in placed:
                assert -0.1 < placed[slot].x < 1.1
                assert 0.2 < placed[slot].foot < 1.1


def test_left_and_right_are_what_the_caption_says() -> None:
    seen = 0
    for row in scene_rows(tiny_concepts()[:4], 600, 1):
        x = {p.slot: p.x for p in row.placed}
        if "left of" in row.caption or "左边" in row.caption:
            assert x[OBJECTS[0]] < x[OBJECTS[1]]
            seen += 1
        if "right of" in row.caption or "右边" in row.caption:
            assert x[OBJECTS[0]] > x[OBJECTS[1]]
            seen += 1
    assert seen > 8


def test_the_same_seed_gives_the_same_rows_and_both_languages() -> None:
    concepts = tiny_concepts()[:4]
    one = list(scene_rows(concepts, 60, 5))
    assert [r.caption for r in one] == [r.caption for r in scene_rows(concepts, 60, 5)]
    assert [r.caption for r in one] != [r.caption for r in scene_rows(concepts, 60, 6)]
    assert {r.language for r in one} == {"en", "zh"}
    singles = list(single_rows(concepts, 0))
    assert {r.caption for r in singles} >= {"dog", "狗", "car", "车"}


def test_what_the_caption_calls_blue_is_painted_blue() -> None:
    rows = list(colour_rows(tiny_concepts()[:4], 120, 0))
    for row in rows:
        said = [p.colour for p in row.placed if p.slot in OBJECTS]
        words = [w for colour in said if colour for language in COLOUR_WORDS[colour] for w in language]
        assert any(word in row.caption for word in words) or not any(said)
    red = next(row for row in rows if row.placed[-1].colour == "red" and row.place == backdrops.PLAIN)
    pixels = Painter(tiny_concepts()).paint(red.place, red.sky, list(red.placed), np.random.default_rng(0))
    thing = red.placed[-1]
    middle = pixels[int(128 * (thing.foot - 0.4 * thing.size)), int(128 * thing.x)].astype(int)
    assert middle[0] > 1.8 * max(middle[1], middle[2])
    assert {row.split for row in rows} == {"train", "test"}


def test_what_stands_above_or_beside_a_place_is_the_only_thing_there() -> None:
    bird = replace(tiny_concepts()[0], kind="flyer", en="bird", zh="鸟", names=())
    rows = list(place_rows([bird, replace(tiny_concepts()[1], kind="vehicle")], 80, 0))
    words = {"flyer": ("above", "over", "上"), "vehicle": ("next to", "beside", "near", "旁边", "边上", "附近")}
    for row in rows:
        assert any(word in row.caption for word in words[row.asked[0].kind])
        assert any(noun in row.caption for nouns in PLACE_NOUNS[row.place] for noun in nouns)
        assert {placed.concept for placed in row.placed if placed.slot in OBJECTS} == {row.asked[0].id}
        assert "place" in row.says
    assert {row.language for row in rows} == {"en", "zh"}


def test_paraphrases_are_held_out_short_names_and_wordings_are_learned() -> None:
    dog = replace(
        tiny_concepts()[0],
        aliases=("doggo",),
        wordings=(("en", "barking pet"),),
        paraphrases=(("en", "hound", "hand"),),
    )
    rows = {row.caption: (row.kind, row.split) for row in wording_rows([dog], 0)}
    assert rows["doggo"] == ("alias", "train")
    assert rows["barking pet"] == ("wording", "train")
    assert rows["hound"] == ("paraphrase", "test")
    assert not any("hound" in caption for caption in rows if caption != "hound")


@pytest.mark.parametrize("place", [*backdrops.PLACES, backdrops.PLAIN])
def test_backdrops_are_pictures_and_depend_on_nothing_but_their_random_numbers(place: str) -> None:
    sky = backdrops.PLAIN if place == backdrops.PLAIN else "night"
    made = [backdrops.draw(place, sky, (0.5, 0.3), np.random.default_rng(3), 64) for _ in range(2)]
    assert made[0].shape == (64, 64, 3)
    assert 0 <= made[0].min() < made[0].max() <= 1
    assert np.array_equal(*made)


def test_what_is_written_reads_back_with_licence_source_and_split(tmp_path: Path) -> None:
    write_tiny(tmp_path / "set", scenes=6)
    data = read_captioned(tmp_path / "set")
    assert data.picture(len(data.rows) - 1).shape == (3, 128, 128)
    assert data.sprites.shape[1:] == (4, 128, 128)
    table = pq.read_table(tmp_path / "set" / "pictures-00000.parquet")
    assert set(table["licence"].to_pylist()) == {"MIT"}
    assert all(table["source"].to_pylist())
    assert "train" in table["split"].to_pylist()


def test_a_broken_picture_and_a_missing_caption_are_named(tmp_path: Path) -> None:
    write_tiny(tmp_path / "set", scenes=1)
    data = read_captioned(tmp_path / "set")
    data.rows[2]["image"]["bytes"] = b"no picture"
    with pytest.raises(BadInput, match="Row 2 "):
        data.picture(2)
    path = tmp_path / "set" / "pictures-00000.parquet"
    table = pq.read_table(path)
    captions = table["caption"].to_pylist()
    captions[1] = None
    pq.write_table(table.set_column(table.column_names.index("caption"), "caption", [captions]), path)
    refused = read_captioned(tmp_path / "set").refused
    assert [(r.row, r.reason) for r in refused] == [(1, "it has no caption")]
