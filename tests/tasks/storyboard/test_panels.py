"""Panels: every scene has one, characters stay what they are, shots follow the script, prompts say it."""

from pathlib import Path

import pytest

from tasks.runfolder.errors import BadInput
from tasks.storyboard.characters import Card, cast, read_cards
from tasks.storyboard.read import read_script
from tasks.storyboard.screenplay import read_fountain
from tasks.storyboard.shots import shot_of
from tasks.storyboard.wording import is_chinese, place_of
from tests.tasks.storyboard.samples import SCRIPTS, path_of, rows_of, things


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("anything", [True, False])
def test_every_scene_has_panels_and_every_line_is_in_one(name: str, anything: bool) -> None:
    script, _ = read_script(str(path_of(name)))
    rows = rows_of(script, {} if anything else things())
    assert {row["scene"] for row in rows} == set(range(len(script.scenes) + 1))
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(row["text"] for row in rows)
    spoken = [beat.text for scene in script.scenes for beat in scene.beats if beat.speaker]
    assert [row["dialogue"] for row in rows if row["dialogue"]] == spoken
    assert all(2 <= row["seconds"] <= 12 for row in rows if row["scene"])  # type: ignore[operator]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_character_is_the_same_in_every_prompt(name: str) -> None:
    script, _ = read_script(str(path_of(name)))
    for known in ({}, things()):
        cards = {row["heading"]: row for row in rows_of(script, known) if not row["scene"]}
        for character in cast(script, {}, known):
            if known:
                phrase = character.thing if name.startswith(("lamp", "market")) else character.thing_zh
            else:
                phrase = character.look
            assert phrase in str(cards[character.name]["text"])
            panels = [row for row in rows_of(script, known) if row["scene"] and character.name in row["cast"][:3]]  # type: ignore[index]
            assert panels
            assert (
                all(phrase in str(row["text"]) and character.colour in str(row["text"]) for row in panels) or not known
            )


def test_an_empty_scene_has_an_establishing_panel() -> None:
    script = read_fountain("EXT. DESERT - NIGHT\n\nINT. CAVE - CONTINUOUS\n\nANN\nHello?\n", "a")
    rows = rows_of(script, things())
    assert [(row["id"], row["shot"]) for row in rows if row["scene"]] == [("s01p01", "wide"), ("s02p01", "wide")]
    assert rows[1]["text"] == "a desert at night"


def test_who_says_nothing_of_himself_is_given_a_thing_and_a_colour() -> None:
    script = read_fountain(
        "INT. A - DAY\n\n" + "".join(f"{name}\nHello.\n\n" for name in ("ANN", "BOB", "CID", "DEE")), "a"
    )
    characters = cast(script, {}, things())
    assert len({(one.thing, one.colour) for one in characters}) == 4
    assert all(one.thing in things() and one.colour for one in characters)


def test_two_of_a_kind_differ_in_colour() -> None:
    script = read_fountain("EXT. A - DAY\n\nANN, a girl, meets BEA, a girl.\n\nANN\nHi.\n\nBEA\nHi.\n", "a")
    ann, bea = cast(script, {}, things())
    assert ann.thing == bea.thing == "girl"
    assert ann.colour != bea.colour


def test_cards_are_taken_and_unknown_things_told(tmp_path: Path) -> None:
    path = tmp_path / "characters.yaml"
    path.write_text("MAYA: {look: a fox in a hat, thing: fox, colour: red, also: [the captain]}\n")
    cards = read_cards(path)
    script = read_fountain("EXT. SEA - DAY\n\nThe captain looks out.\n\nMAYA\nLand!\n", "a")
    (maya,) = cast(script, cards, things())
    assert (maya.thing, maya.thing_zh, maya.colour, maya.look) == ("fox", "狐狸", "red", "a fox in a hat")
    panels = [row for row in rows_of(script, things(), cards) if row["scene"]]
    assert panels[0]["text"] == "a red fox on the sea on a sunny day"
    with pytest.raises(BadInput, match="did you mean 'fox'"):
        cast(script, {"MAYA": Card(thing="foxx")}, things())
    path.write_text("MAYA: {colour: beige}\n")
    with pytest.raises(BadInput, match="there is no colour 'beige'"):
        read_cards(path)


def test_a_voice_from_outside_is_not_shown() -> None:
    script = read_fountain("INT. A - DAY\n\nANN, a girl, waits.\n\nBOB (V.O.)\nHello, Ann.\n", "a")
    assert [row["cast"] for row in rows_of(script, {}) if row["scene"]] == [["ANN"]]


@pytest.mark.parametrize(
    ("text", "shot"),
    [
        ("CLOSE ON a bottle", "close"), ("Close-up of an onion", "close"), ("WIDE: the lamp", "wide"),
        ("Wide eyes stare", None), ("She closes the door", None), ("特写：手", "close"), ("船很小。远景：海。", "wide"),
        ("ECU: an eye", "extreme close"), ("Insert coin", None), ("中景：两个人", "medium"),
    ],
)  # fmt: skip
def test_shots_are_told_from_words_of_the_story(text: str, shot: str | None) -> None:
    assert shot_of(text) == shot


def test_headings_mean_places_of_the_embedded_model() -> None:
    script, _ = read_script(str(path_of("lamp.fountain")))
    assert [place_of(scene.heading) for scene in script.scenes] == ["beach", "beach", None, None, "sea", "beach"]
    script, _ = read_script(str(path_of("moon.md")))
    assert [place_of(scene.heading) for scene in script.scenes] == [
        None,
        "meadow",
        "forest",
        "mountain",
        "mountain",
        None,
    ]


@pytest.mark.parametrize(
    ("script", "prompts"),
    [
        (
            "EXT. PARK - DAY\n\nANN, a girl, in a cook's hat, gives the cat a fish.\n\nA balloon flies off.\n",
            ["a girl, a cat and a fish in a meadow on a sunny day", "a balloon in a meadow on a sunny day"],
        ),
        ("外景 海边 日\n\n一只猫追着一只蝴蝶。\n", ["阳光灿烂，沙滩上有猫和蝴蝶"]),
    ],
)
def test_a_panel_shows_the_things_that_its_action_names(script: str, prompts: list[str]) -> None:
    rows = rows_of(read_fountain(script, "a"), things())
    assert [row["text"] for row in rows if row["scene"]] == prompts


MIXED = """INT. KITCHEN - DAY

MAYA (28), a girl in a yellow raincoat, looks at a dog.

MAYA
Come here.

内景 灯塔 夜

MAYA走进灯塔，看着MAYA的狗。

MAYA（小声）：有人吗？

REN（30岁），一个穿红衣服的男人，望着灯。

CUT TO：

EXT. BEACH - DAY

MAYA walks along. RENATA is not here.
"""


def test_chinese_scenes_of_an_english_script_keep_its_characters() -> None:
    script = read_fountain(MIXED, "a")
    assert [one.name for one in cast(script, {}, things())] == ["MAYA", "REN"]
    for known in ({}, things()):
        rows = [row for row in rows_of(script, known) if row["scene"] and row["action"] != "CUT TO："]
        assert [row["cast"] for row in rows] == [["MAYA"], ["MAYA"], ["REN"], ["MAYA"]]
        assert (rows[1]["dialogue"], rows[1]["manner"]) == ("有人吗？", "小声")
        assert [is_chinese(str(row["text"])) for row in rows] == [False, True, True, False]
    assert "黄色" in str(rows[1]["text"]) and "yellow" in str(rows[0]["text"])


def test_a_name_within_a_longer_one_is_not_meant() -> None:
    script = read_fountain("INT. A - DAY\n\nREN\nHello.\n\nRENATA and MAREN and RENÉ wait.\n\nREN看着海。\n", "a")
    assert [row["cast"] for row in rows_of(script, {}) if row["scene"]] == [["REN"], [], ["REN"]]
