"""Placements: the package's own are whole, and a wrong file is told in a sentence."""

from datetime import date
from pathlib import Path

import pytest

from tasks.campaign.placements import choose, load_placements
from tasks.runfolder.errors import BadInput


def test_every_placement_says_where_its_rules_are_from() -> None:
    placements = load_placements()
    assert len(placements) >= 30
    for name, placement in placements.items():
        assert name.startswith(f"{placement.platform}-")
        assert placement.source
        assert placement.read == date(2026, 11, 27)
        assert placement.confidence in {"official", "third-party"}
        sheet = placement.sheet()
        assert sheet.whole.holds(sheet.safe)
        assert sheet.safe.area > 0.2 * sheet.whole.area
    story, reel = placements["meta-story"].sheet().safe, placements["meta-reel"].sheet().safe
    assert (story.y, 1920 - story.bottom) >= (269, 384)
    assert (reel.y, 1920 - reel.bottom) >= (269, 672)
    assert reel.x >= 65


def test_a_file_of_ones_own_adds_and_changes(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "meta-square: {bytes: 100000}\n"
        "kiosk: {platform: kiosk, size: [600, 900], formats: [png], source: us, read: 2026-11-01,"
        " confidence: official}\n"
    )
    placements = load_placements(own)
    assert placements["meta-square"].bytes == 100_000
    assert placements["meta-square"].size == (1080, 1080)
    assert placements["kiosk"].formats == ["png"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("meta-square: {sise: [1, 2]}", "own.yaml: meta-square: unknown field 'sise'; did you mean 'size'?"),
        ("meta-square: {safe: {tpo: 0.1}}", "meta-square: unknown field 'safe.tpo'; did you mean 'top'?"),
        ("kiosk: {platform: x}", "kiosk: the field 'size' is missing"),
        ("meta-square: {formats: [mp4]}", "animated or video, which is not made here"),
        ("meta-square: {size: [500, 900]}", "has the ratio 0.556, not 1.0 within 3%"),
        ("google-square: {size: [100, 100]}", "below the least, 300x300"),
        ("meta-square: {safe: {top: 0.45, bottom: 0.45}}", "the safe area is less than a fifth"),
        ("meta-square: 7", "meta-square: this is a int"),
        ("- meta-square", "own.yaml: this is a list"),
        ("a: [", "own.yaml: not valid YAML"),
    ],
)
def test_a_wrong_file_is_told_in_a_sentence(content: str, sentence: str, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(content)
    with pytest.raises(BadInput) as error:
        load_placements(own)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"there is no 'meta-sqare'; did you mean 'meta-square'?"):
        choose(["meta-sqare"], load_placements())


def test_a_limit_of_characters_may_depend_on_the_language() -> None:
    amazon = load_placements()["amazon-square"]
    assert [amazon.limit("headline", language) for language in ("en", "ja-JP")] == [50, 25]
    assert amazon.limit("text", "en") is None
