"""Type: whatever the copy is, it fits its box whole, or a sentence says by how much it does not."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.layout.bidi import visual_runs
from tasks.layout.box import Box, Unfit
from tasks.layout.fonts import FontFile, find_font, missing
from tasks.layout.line_breaks import pieces
from tasks.layout.typeset import Block, Type, fit
from tests.tasks.campaign.samples import FONTS

BOLD = tuple(find_font(name, Path()) for name in FONTS["bold"])
CLOSING = re.compile(r"^[、。，．：；！？）」』】》〉ー々ん,.:;!?%)\]]")


def setting(language: str, smallest: int = 14, largest: int = 60, lines: int = 9) -> Type:
    return Type(BOLD, language, largest, smallest, lines)


def ink(block: Block, width: int, height: int, align: str = "left") -> np.ndarray:
    """Where (h, w) ink is when a block is painted 50 pixels within a larger picture."""
    canvas = Image.new("RGB", (width + 100, height + 100), "white")
    block.paint(canvas, Box(50, 50, block.width, block.height), (0, 0, 0), align)
    return np.asarray(canvas).min(2) < 200


COPIES = {
    "en": "Your commute just got a whole lot quieter (and 50% cheaper), says everyone.",
    "zh": "阳光明媚，沙滩上有一对情侣散步，海浪轻轻拍打着海岸线（限时优惠50%）。",
    "ja": "静かな通勤を、あなたに。「ノイズ」を消して、音楽だけをどうぞ。",
    "ar": "خصم 50% على سماعات Lumen Air حتى 31 ديسمبر (عرض محدود)",
    "de": "Donaudampfschifffahrtsgesellschaftskapitän fährt",
}


@pytest.mark.parametrize("language", COPIES)
@pytest.mark.parametrize(("width", "height"), [(520, 240), (300, 110), (180, 260)])
def test_no_ink_leaves_the_box_and_no_line_begins_with_closing_punctuation(
    language: str, width: int, height: int
) -> None:
    try:
        block = fit("headline", COPIES[language], setting(language), width, height, "300x250")
    except Unfit as error:
        assert language == "de"
        assert "does not fit 300x250 at 14 px" in str(error)
        return
    assert block.width <= width
    assert block.height <= height
    assert not [line for line in block.lines if CLOSING.match(line)]
    painted = ink(block, width, height)
    rows, columns = np.flatnonzero(painted.any(1)), np.flatnonzero(painted.any(0))
    assert (rows[0], columns[0]) >= (50, 50), "above, or left of the box"
    assert rows[-1] < 50 + block.height
    assert columns[-1] < 50 + block.width
    assert "".join(COPIES[language].split()) == "".join("".join(block.lines).split()), "nothing is lost"


@pytest.mark.parametrize("length", [1, 30, 300])
@pytest.mark.parametrize("language", ["en", "zh", "ar"])
def test_copy_of_any_length_fits_or_the_sentence_says_how_much_is_too_much(language: str, length: int) -> None:
    text = (COPIES[language] + " ") * 9
    text = text[:length].strip()
    try:
        block = fit("headline", text, setting(language), 280, 60, "300x250")
    except Unfit as error:
        found = re.search(r"does not fit 300x250 at 14 px; shorten it by about (\d+) characters?$", str(error))
        assert found, error
        over = int(found[1])
        assert 0 < over < length
        fit("headline", text[: length - over - 3].strip(), setting(language), 280, 60, "300x250")  # about
    else:
        assert block.size >= 14


def test_a_word_of_200_letters_is_never_broken() -> None:
    with pytest.raises(Unfit, match=r"does not fit 300x250 at 14 px; shorten it by about 1[0-9][0-9] characters"):
        fit("headline", "a" * 200, setting("de"), 272, 60, "300x250")


def test_type_shrinks_to_the_smallest_size_and_no_further() -> None:
    text = COPIES["en"]
    sizes = [fit("headline", text, setting("en", 8), width, 90, "").size for width in (900, 500, 300, 220)]
    assert sizes[0] == max(sizes)
    assert sizes[-1] == min(sizes)
    assert min(sizes) >= 8
    assert max(sizes) <= 60


def test_lines_are_balanced() -> None:
    block = fit("text", "one two three four five six seven", setting("en", 20, 20), 200, 200, "")
    widths = [len(line) for line in block.lines]
    assert len(widths) > 1
    assert min(widths) > 0.5 * max(widths)


def test_chinese_breaks_between_phrases_and_latin_words_stay_whole() -> None:
    assert [piece for piece in pieces("立即Buy now，马上Buy！", "zh") if piece.rstrip().endswith("Bu")] == []
    assert "情侣" in pieces(COPIES["zh"], "zh")
    assert len(pieces("วันนี้อากาศดีมาก", "th")) > 2, "Thai has no spaces"


@settings(max_examples=40, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "Sm", "Sc", "So", "Mn"]), max_size=60),
    st.sampled_from(["en", "zh", "ar", "th"]),
    st.integers(40, 400),
    st.integers(12, 120),
)
def test_any_text_fits_within_its_box_or_is_refused_with_a_sentence(
    text: str, language: str, width: int, height: int
) -> None:
    try:
        block = fit("text", text, setting(language, 10, 40), width, height, "300x250")
    except Unfit as error:
        assert "shorten it" in str(error) or "no font of the brand kit" in str(error)
    else:
        assert (block.width, block.height) <= (width, height)
        assert block.height <= height


def test_a_character_that_no_font_has_is_found_before_painting() -> None:
    assert missing("Hi 😀!", BOLD) == "😀"
    with pytest.raises(Unfit, match=r"no font of the brand kit has '😀' \(U\+1F600\)"):
        fit("headline", "Hi 😀!", setting("en"), 400, 90, "300x250")


def test_what_a_font_lacks_comes_from_the_next() -> None:
    runs = visual_runs("全新 Lumen", BOLD[:1] + BOLD[2:], "ltr")
    fonts = {text.strip(): font for font, text, _ in runs} if len(runs) > 1 else {}
    latin, chinese = BOLD[0], BOLD[2]
    assert not latin.has("全")
    assert chinese.has("全新 Lumen"), "one font has all of it, and so sets all of it"
    assert runs == [(chinese, "全新 Lumen", "ltr")]
    assert not fonts


def test_numbers_within_right_to_left_text_in_two_fonts_keep_their_order() -> None:
    latin, arabic = BOLD[0], FontFile(BOLD[1].path, BOLD[1].index, BOLD[1].weight)
    line = "خصم 50 Øx"
    runs = visual_runs(line, (latin, arabic), "rtl")
    texts = [text.strip() for _, text, _ in runs]
    if len(texts) > 1:
        assert texts.index("50") < texts.index("خصم"), "to the left of the word it follows"


def test_a_missing_font_and_a_file_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"font 'Nowhere.ttf': there is no such file"):
        find_font("Nowhere.ttf", Path())
    with pytest.raises(ValueError, match="write FILE, FILE#INDEX or FILE@WEIGHT"):
        find_font("Figtree[wght].ttf@bold", Path())
    with pytest.raises(ValueError, match="the collection has"):
        find_font("NotoSansCJK-Bold.ttc#99", Path())
    with pytest.raises(ValueError, match="is not a font"):
        find_font(__file__, Path())
