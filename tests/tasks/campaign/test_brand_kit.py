"""A brand kit that cannot be used is told in a sentence that names file and field."""

from pathlib import Path

import pytest
import yaml

from tasks.campaign.brand_kit import BrandKit
from tasks.layout.template import Template, own_templates
from tasks.runfolder.errors import BadInput
from tests.tasks.campaign.samples import COLOURS, FONTS, write_brand, write_logo

TEMPLATES = [Template(**yaml.safe_load(text)) for text in own_templates()]


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as error:
        BrandKit(path).check_panels(TEMPLATES)
    assert "\n" not in str(error.value)
    assert "brand.yaml" in str(error.value)
    return str(error.value)


def test_a_sound_kit(tmp_path: Path) -> None:
    kit = BrandKit(write_brand(tmp_path))
    kit.check_panels(TEMPLATES)
    assert kit.look.colours["primary"] == (27, 42, 107)
    assert [logo.colour for logo in kit.look.logos] == [(255, 255, 255), (16, 24, 40)]
    assert kit.digest != BrandKit(write_brand(tmp_path, smallest_type=10)).digest


def test_a_missing_font(tmp_path: Path) -> None:
    fonts = {**FONTS, "bold": ["Corporate.otf"]}
    assert "fonts.bold: font 'Corporate.otf': there is no such file" in refused(write_brand(tmp_path, fonts=fonts))


def test_a_misspelt_field(tmp_path: Path) -> None:
    assert "unknown field 'colors'; did you mean 'colours'?" in refused(write_brand(tmp_path, colors={}))


def test_a_colour_that_is_none_and_one_that_is_missing(tmp_path: Path) -> None:
    assert "colours.accent: 'blurple' is no colour" in refused(
        write_brand(tmp_path, colours={**COLOURS, "accent": "blurple"})
    )
    assert "colours: 'dark' is missing" in refused(
        write_brand(tmp_path, colours={name: value for name, value in COLOURS.items() if name != "dark"})
    )


def test_a_brand_colour_that_no_text_can_be_read_on(tmp_path: Path) -> None:
    colours = {**COLOURS, "light": "#DDDDDD", "dark": "#444444", "primary": "#888888"}
    sentence = refused(write_brand(tmp_path, colours=colours))
    assert "colours.primary #888888: neither light #DDDDDD nor dark #444444 text reaches a contrast of 4.5" in sentence


def test_a_logo_with_alpha_over_its_own_colour(tmp_path: Path) -> None:
    path = write_brand(tmp_path, logo={"light": "own.png"})
    write_logo(tmp_path / "own.png", COLOURS["primary"])
    assert "on the panel's colour primary #1B2A6B no logo has a contrast of 3.0 (the best is 1.0)" in refused(path)


def test_logos_that_cannot_be_used(tmp_path: Path) -> None:
    path = write_brand(tmp_path, logo={"light": "clear.png"})
    write_logo(tmp_path / "clear.png", "white", alpha=0)
    assert "logo clear.png is transparent everywhere" in refused(path)
    assert "SVG is not drawn here" in refused(write_brand(tmp_path, logo={"light": "logo.svg"}))
    assert "logo gone.png cannot be read" in refused(write_brand(tmp_path, logo={"light": "gone.png"}))
