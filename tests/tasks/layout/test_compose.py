"""Layouts by every template: in the safe area, off the subject, apart from each other, and legible."""

from itertools import combinations

import numpy as np
import pytest
import yaml
from PIL import Image

from tasks.campaign.brand_kit import BrandKit
from tasks.campaign.placements import load_placements
from tasks.layout.box import Box, Unfit
from tasks.layout.compose import compose
from tasks.layout.contrast import contrast, luminance, needed, veiled, worst_contrast
from tasks.layout.crop import crop_for
from tasks.layout.look import Look
from tasks.layout.saliency import Attention, changed
from tasks.layout.sheet import Composed, Sheet
from tasks.layout.template import Template, own_templates
from tests.tasks.campaign.samples import COPY, picture, write_brand

TEMPLATES = [Template(**yaml.safe_load(text)) for text in own_templates()]
PLACEMENTS = load_placements()


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    return BrandKit(write_brand(tmp_path_factory.mktemp("brand"))).look


def copy_in(language: str) -> dict[str, str]:
    return {name.removesuffix(f"_{language}"): text for name, text in COPY.items() if name.endswith(f"_{language}")}


def laid_out(look: Look, sheet: Sheet, language: str = "en", made: Image.Image | None = None) -> Composed:
    made = made or picture()
    return compose(made, Attention(np.asarray(made)), TEMPLATES, sheet, copy_in(language), look, language)


@pytest.mark.parametrize("name", PLACEMENTS)
def test_every_placement_holds_its_rules_in_three_scripts(name: str, look: Look) -> None:
    sheet = PLACEMENTS[name].sheet()
    for language in ("en", "zh", "ar"):
        made = laid_out(look, sheet, language)
        assert made.image.size == PLACEMENTS[name].size
        for item in made.placed:
            assert sheet.safe.holds(item.box), item.name
            assert not (made.template_covers and item.box.shared(made.subject)), item.name
        assert not [1 for one, other in combinations(made.placed, 2) if one.box.shared(other.box)]
        for item, colour in made.texts:
            assert item.block is not None
            assert item.ink is not None
            behind = made.behind[item.ink.slices]
            assert worst_contrast(colour, behind) >= needed(item.block.size, item.spec.bold), item.name
        assert made.text_share <= PLACEMENTS[name].text_share


def test_where_a_platform_wants_no_text_there_is_only_the_picture(look: Look) -> None:
    assert laid_out(look, PLACEMENTS["google-search-image"].sheet()).placed == []


def test_right_to_left_layouts_are_mirrored(look: Look) -> None:
    sheet = PLACEMENTS["google-728x90"].sheet()
    english, arabic = laid_out(look, sheet, "en"), laid_out(look, sheet, "ar")
    order = [item.name for item in sorted(english.placed, key=lambda item: item.box.x)]
    assert [item.name for item in sorted(arabic.placed, key=lambda item: -item.box.x)] == order


def test_a_busy_picture_gets_a_panel_and_a_calm_one_carries_its_copy(look: Look) -> None:
    sheet = PLACEMENTS["meta-square"].sheet()
    assert laid_out(look, sheet).template == "overlay"
    draw = np.random.default_rng(0)
    noise = Image.fromarray(draw.integers(0, 255, (60, 60, 3), np.uint8)).resize((800, 800), Image.Resampling.NEAREST)
    busy = laid_out(look, sheet, made=noise)
    assert busy.panel is not None
    assert busy.template == "stack"


def test_a_scrim_lies_under_copy_that_would_not_be_legible(look: Look) -> None:
    grey = Image.new("RGB", (900, 900), (124, 124, 124))
    made = laid_out(look, Sheet(400, 400, Box(20, 20, 360, 360)), made=grey)
    assert made.veil > 0
    assert min(value for name, value in made.contrasts.items() if name != "logo") >= 3


def test_the_mark_is_a_twentieth_of_the_shorter_side_and_stands_alone(look: Look) -> None:
    sheet = Sheet(800, 640, Box(40, 40, 720, 560), mark="AI生成")
    made = laid_out(look, sheet, "zh")
    (mark,) = (item for item in made.placed if item.name == "mark")
    assert mark.ink is not None
    assert mark.ink.height >= 32
    assert not [item.name for item in made.placed if item is not mark and item.box.shared(mark.box)]
    assert made.contrasts["mark"] >= 4.5


def test_empty_copy_is_left_out_but_a_headline_is_needed(look: Look) -> None:
    sheet, made = PLACEMENTS["meta-square"].sheet(), picture()
    attention = Attention(np.asarray(made))
    only = compose(made, attention, TEMPLATES, sheet, {"headline": "Hi", "text": " "}, look, "en")
    assert {item.name for item in only.placed} == {"logo", "headline"}
    with pytest.raises(Unfit, match="headline is empty in 'en'"):
        compose(made, attention, TEMPLATES, sheet, {"headline": "", "text": "x"}, look, "en")


def test_the_crop_keeps_the_subject_whole_and_where_it_is_wanted() -> None:
    subject, region = Box(420, 300, 150, 150), Box(0, 0, 500, 1000)
    crop = crop_for((900, 700), Box(0, 0, 1000, 1000), subject, region)
    seen = crop.onto(subject)
    assert region.holds(seen)
    assert abs(seen.width / seen.height - 1) < 0.02, "whole"


def test_the_subject_is_what_stands_out_or_what_the_words_made() -> None:
    made = np.asarray(picture())
    thing = Box(395, 320, 200, 200)
    assert Attention(made).subject.shared(thing) > 0.8 * thing.area
    without = made.copy()
    without[320:520, 395:595] = made[320, 0]
    found = changed(made, without)
    assert found is not None
    assert found.shared(thing) > 0.8 * thing.area
    assert changed(made, made) is None
    assert changed(made, 255 - made) is None, "all of it changed, so nothing is known"


def test_contrast_is_that_of_wcag() -> None:
    assert contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    assert contrast((255, 0, 0), (255, 255, 255)) == pytest.approx(4.0, abs=0.01)
    behind = np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8)
    assert worst_contrast((119, 119, 119), behind) == 1.0, "between the two"
    half = veiled(behind, (0, 0, 0), np.ones((1, 2), np.float32), 0.5)
    assert float(luminance(half).max()) < float(luminance(behind).max())
