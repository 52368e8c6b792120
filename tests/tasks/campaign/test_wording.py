"""Templates of texts: columns, choices and lists."""

from pathlib import Path

import pytest

from tasks.campaign.wording import draw, fill_in, read_lists, without
from tasks.runfolder.errors import BadInput


def test_choices_depend_on_the_seed_alone() -> None:
    template = "{a|b|c} {{thing}} {on a {red|blue} table|in __place__}"
    lists = {"place": ["Rome", "Oslo"]}
    drawn = {seed: draw(template, {}, {"thing": "cup"}, lists, seed) for seed in range(40)}
    assert drawn == {seed: draw(template, {}, {"thing": "cup"}, lists, seed) for seed in range(40)}
    assert len(set(drawn.values())) > 8
    assert all("cup" in text and "{" not in text and "|" not in text for text in drawn.values())


def test_a_products_own_braces_and_signs_stay_as_they_are() -> None:
    name = "50% {off|on} & __place__ {{x}}"
    assert draw("a {{product}}", {}, {"product": name}, {"place": ["Rome"]}, 1) == f"a {name}"


def test_choices_of_an_audience_are_drawn() -> None:
    audience = {"scene": "{at noon|at noon} with {{product}}"}
    assert draw("{{scene}}", audience, {"product": "cup"}, {}, 3) == "at noon with cup"


def test_a_column_without_a_value_is_named() -> None:
    with pytest.raises(ValueError, match=r"\{\{city\}\} has no value in this row; fill in column 'city'"):
        fill_in("in {{city}}", {"city": " "})
    assert without("a {{ cup }} in {{place}}", {"cup"}) == "a  in {{place}}"


def test_lists_are_files_beside_the_products(tmp_path: Path) -> None:
    (tmp_path / "place.txt").write_text("# where\nRome\n\nOslo\n")
    assert read_lists(["in __place__"], tmp_path) == {"place": ["Rome", "Oslo"]}
    (tmp_path / "none.txt").write_text("\n")
    for prompt, sentence in (
        ("in __city__", "__city__"),
        ("in __none__", "has no lines"),
        ("in {a|b", "do not pair"),
    ):
        with pytest.raises(BadInput, match=sentence):
            read_lists([prompt], tmp_path)
