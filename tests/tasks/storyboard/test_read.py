"""Scripts as they are read: golden parses, the same script in other formats, and what is refused."""

import csv
from pathlib import Path

import pytest
from screenplay_tools import screenplay
from screenplay_tools.fdx.writer import Writer

from tasks.runfolder.errors import BadInput
from tasks.storyboard.heading import Heading, read_heading
from tasks.storyboard.read import read_script
from tasks.storyboard.script import Script
from tests.tasks.storyboard.samples import FOLDER, SCRIPTS, path_of, told


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_read_and_cut_as_they_were(name: str) -> None:
    """To renew: python -c "from tests.tasks.storyboard.samples import *; ..." with `told`; look at what changes."""
    assert told(name) == (FOLDER / "golden" / f"{name}.txt").read_text("utf-8")


def _beats(script: Script) -> list[object]:
    return [(scene.heading.text, scene.beats) for scene in script.scenes]


@pytest.mark.parametrize("name", ["lamp.fountain", "lantern.txt"])
def test_final_draft_and_tables_say_the_same(name: str, tmp_path: Path) -> None:
    script, _ = read_script(str(path_of(name)))
    written = screenplay.Script()
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["scene", "heading", "action", "character", "dialogue", "parenthetical"])
        for scene in script.scenes:
            written.add_element(screenplay.SceneHeading(scene.heading.text))
            for beat in scene.beats:
                here = (scene.number, scene.heading.text)
                if beat.speaker:
                    table.writerow([*here, "", beat.speaker, beat.text, beat.manner])
                    written.add_element(screenplay.Character(beat.speaker))
                    written.add_element(screenplay.Parenthetical(beat.manner))
                    written.add_element(screenplay.Dialogue(beat.text))
                else:
                    table.writerow([*here, beat.text, "", "", ""])
                    written.add_element(screenplay.Action(beat.text))
    (tmp_path / "a.fdx").write_text(Writer().write(written), "utf-8")
    assert _beats(read_script(str(tmp_path / "a.csv"))[0]) == _beats(script)
    assert _beats(read_script(str(tmp_path / "a.fdx"))[0]) == _beats(script)


@pytest.mark.parametrize(
    ("line", "inside", "place", "sky"),
    [
        ("INT. KITCHEN - NIGHT", True, "KITCHEN", "night"),
        ("12A. EXT. OPEN SEA - DAY - STORM", False, "OPEN SEA", "rain"),
        ("int./ext. car - dusk", None, "car", "sunset"),
        ("EXT. NEW YORK - BROOKLYN BRIDGE - DAY", False, "NEW YORK - BROOKLYN BRIDGE", "sunny"),
        ("内景 厨房 夜", True, "厨房", "night"),
        ("外景。海边，黄昏", False, "海边", "sunset"),
        ("第3场 内景 修理铺 日", True, "修理铺", "sunny"),
        ("5、夜 外 码头", False, "码头", "night"),
        ("1. 学校操场 日 外", False, "学校操场", "sunny"),
        ("内/外景 车上 雨夜", None, "车上", "rain"),
    ],
)
def test_headings_say_where_and_when(line: str, inside: bool | None, place: str, sky: str) -> None:
    heading = read_heading(line)
    assert heading is not None
    assert (heading.inside, heading.place, heading.sky) == (inside, place, sky)


@pytest.mark.parametrize(
    "line", ["He goes into the internet cafe.", "外面下雨了。", "内心独白", "Internal affairs", "日子一天天过去"]
)
def test_stories_are_no_headings(line: str) -> None:
    assert read_heading(line) is None


def test_a_script_without_headings_is_one_scene(tmp_path: Path) -> None:
    path = tmp_path / "a.fountain"
    path.write_text("A dog waits.\n\n@Ann\nGood dog.\n", "utf-8")
    script, _ = read_script(str(path))
    assert [scene.heading for scene in script.scenes] == [Heading("")]
    assert [beat.speaker for beat in script.scenes[0].beats] == ["", "Ann"]


_FINAL_DRAFT = """<?xml version="1.0"?><FinalDraft><Content>
<Paragraph Type="Scene Heading"><Text>INT. KITCHEN </Text><Text Style="Bold">- NIGHT</Text></Paragraph>
<Paragraph Type="Cast List"><Text>MARY</Text></Paragraph>
<Paragraph Type="Action"><Text>MARY (30), a </Text><Text Style="Bold">woman</Text><Text>, pets a cat.</Text></Paragraph>
<Paragraph Type="Shot"><Text>CLOSE ON THE CAT</Text></Paragraph>
<Paragraph><DualDialogue>
<Paragraph Type="Character"><Text>JOE</Text></Paragraph><Paragraph Type="Dialogue"><Text>Wait!</Text></Paragraph>
<Paragraph Type="Character"><Text>MARY</Text></Paragraph><Paragraph Type="Dialogue"><Text>No!</Text></Paragraph>
</DualDialogue></Paragraph></Content></FinalDraft>"""


@pytest.mark.parametrize(
    ("name", "content", "title", "scenes"),
    [
        pytest.param(
            "a.fdx",
            _FINAL_DRAFT,
            "a",
            [
                (
                    "INT. KITCHEN - NIGHT",
                    ["MARY (30), a woman, pets a cat.", "CLOSE ON THE CAT", "JOE: Wait!", "MARY: No!"],
                )
            ],
            id="Final Draft's runs of bold text, lines spoken together and shots",
        ),
        pytest.param(
            "a.fountain",
            "INT. A - DAY\n\nA cat.\n\n/* \nnot\n\nEXT. B - DAY\n\n*/\n\nA dog./* now */\n\n~La la\n",
            "a",
            [("INT. A - DAY", ["A cat.", "A dog.", "La la"])],
            id="what Fountain sets aside is gone without a mark, what nobody named sings is not",
        ),
        pytest.param(
            "a.md",
            "---\ntitle: 'My film'\nmood: dark\n---\n\nEXT. SEA - DAY\n--------------\nA boat.\n\n---\n\nA gull.\n",
            "My film",
            [("EXT. SEA - DAY", ["A boat.", "A gull."])],
            id="Markdown's front matter and underlined headings",
        ),
    ],
)
def test_every_word_of_a_script_is_read_as_what_it_is(
    name: str, content: str, title: str, scenes: list[tuple[str, list[str]]], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    script, _ = read_script(str(tmp_path / name))
    told = [
        (scene.heading.text, [f"{beat.speaker}: {beat.text}" if beat.speaker else beat.text for beat in scene.beats])
        for scene in script.scenes
    ]
    assert (script.title, told) == (title, scenes)


def test_other_encodings_are_known(tmp_path: Path) -> None:
    text = path_of("lantern.txt").read_text("utf-8")
    for encoding in ("gb18030", "utf-16", "utf-8-sig"):
        path = tmp_path / "a.txt"
        path.write_bytes(text.encode(encoding))
        assert read_script(str(path))[0].title == "灯笼过河"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.docx", "", "a script is a .fountain, .fdx, .md, .csv or .tsv file"),
        ("a.fountain", "", "there is no scene; begin one with a heading"),
        ("a.fdx", "INT. A - DAY", "it is no XML"),
        ("a.fdx", "<html></html>", "its outermost element is not FinalDraft"),
        ("a.fdx", '<!DOCTYPE a [<!ENTITY b "c">]><FinalDraft/>', "it declares a document type"),
        ("a.csv", "who,what\na,b\n", "it needs a column heading or scene"),
        (None, "", "no such file or folder"),
    ],
)
def test_what_is_no_script_is_refused_in_a_sentence(
    name: str | None, content: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / (name or "nothing.md")
    if name:
        path.write_text(content, "utf-8")
    with pytest.raises(BadInput, match=sentence):
        read_script(str(path))
