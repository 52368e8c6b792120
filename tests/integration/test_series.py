"""`imagemill series`: many subjects in one style, palette and light, and a page that says how alike they are."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tasks.series.palette import Palette, common, swatch
from tasks.series.rows import series_rows
from tests.integration.runs import Outcome, snapshot, table

Mill = Callable[..., Outcome]
COLOURS = ["#1B2A6B", "#3E5C9A", "#FFB703", "#F4E9CD"]


def palettes(run: Path) -> list[Palette]:
    return [Palette.of(Image.open(run / row["image"])) for row in table(str(run), "metadata").to_pylist()]


def apart(found: list[Palette]) -> float:
    whole = common(found)
    return sum(whole.distance(one) for one in found) / len(found)


def test_a_series_has_one_palette_and_style_and_follows_its_first(imagemill: Mill, tmp_path: Path) -> None:
    job = tmp_path / "harbour.yaml"
    values = {"subjects": ["a red fox on the beach at sunset", "a whale", "a crab", "青蛙", "a crab"], "anchor": True}
    job.write_text(yaml.safe_dump(values | {"palette": COLOURS}))
    outcome = imagemill("series", job, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    rows = table(str(tmp_path / "run"), "metadata").to_pylist()
    assert [row["id"] for row in rows] == ["a-red-fox-on-the-beach-at-sunset", "a-whale", "a-crab", "青蛙", "a-crab-2"]
    assert [row["reference_row"] for row in rows] == [None, *[rows[0]["id"]] * 4]
    page = (tmp_path / "run" / "series.html").read_text("utf-8")
    assert "harbour" in page
    average, most = map(float, re.findall(r"palettes lie ([\d.]+) from .{1,20} on average, ([\d.]+)", page)[0])
    assert page.count("palette distance") == 5
    found = palettes(tmp_path / "run")
    assert (average, most) == (round(apart(found), 1), round(max(common(found).distance(p) for p in found), 1))
    before = snapshot(str(tmp_path / "run"))
    assert imagemill("series", job, "--out", tmp_path / "run", "--no-report").code == 0
    assert snapshot(str(tmp_path / "run")) == before
    imagemill("series", job, "--out", tmp_path / "run", "--style", "x").refused("style: '' then, 'x' now")
    job.write_text(yaml.safe_dump({**values, "anchor": False}))
    assert imagemill("series", job, "--out", tmp_path / "plain", "--no-report").code == 0
    assert apart(found) < apart(palettes(tmp_path / "plain")) / 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"palette": ["#12345", "beigeish"]}, "give #RRGGBB, names of colours, or one picture"),
        ({"subjects": [" "]}, "subjects: there is none"),
        ({"anchor": True, "reference": "a.png"}, "drop either"),
        ({"anchor": True, "generator": "dummy"}, "the generator dummy follows no pictures"),
        ({"palete": ["red"]}, "did you mean 'palette'?"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], sentence: str, imagemill: Mill, tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(yaml.safe_dump({"subjects": ["a fox"], **options}))
    imagemill("series", job, "--out", tmp_path / "run").refused(sentence)


def test_words_follow_every_subject_and_ids_are_distinct() -> None:
    rows = series_rows(["A boat.", "a boat", "a boat-2"], ["ink", "", "dawn"], "s.png", False).to_pylist()
    assert [row["text"] for row in rows] == ["A boat, ink, dawn", "a boat, ink, dawn", "a boat-2, ink, dawn"]
    assert len({row["id"] for row in rows}) == 3
    assert {row["reference"] for row in rows} == {"s.png"}
    assert series_rows(["一只狐狸。"], ["水墨"], None, False)["text"].to_pylist() == ["一只狐狸，水墨"]


def test_a_palettes_distance_is_that_of_its_colours(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(swatch(["#808080"]))
    (tmp_path / "b.png").write_bytes(swatch(["#888888"]))
    one, other = (Palette.of(Image.open(tmp_path / name)) for name in ("a.png", "b.png"))
    assert one.distance(one) < 1e-6
    assert abs(one.distance(other) - 3.09) < 0.1, "of lightness in CIE Lab"
