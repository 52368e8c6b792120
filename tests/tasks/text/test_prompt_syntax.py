"""Signs of other tools' prompts are understood or told of, never painted in silence."""

import pytest

from tasks.text.preprocess import Prepared, PreprocessOptions, preprocess
from tasks.text.prompt_syntax import plain


@pytest.mark.parametrize(
    ("text", "left", "told"),
    [
        ("a (red:1.3) car", "a red car", ["(red:1.3)"]),
        ("a ((huge cat: 1.2)) and [dog:0.8]", "a huge cat and dog", ["((huge cat: 1.2))", "[dog:0.8]"]),
        ("a {cat|dog|} on a {beach|hill}", "a cat on a beach", ["{cat|dog|}", "{beach|hill}"]),
        ("a cat <lora:ink:0.8> , <LoRA:b>", "a cat ,", ["<lora:ink:0.8>", "<LoRA:b>"]),
    ],
)
def test_signs_are_taken_out_and_told_of(text: str, left: str, told: list[str]) -> None:
    found, notes = plain(text)
    assert found == left
    assert len(notes) == len(told) and all(sign in note for sign, note in zip(told, notes, strict=True))


@pytest.mark.parametrize("text", ["a cat (at 10:30)", "a {{column}}", "time: 1.5", "a <b> tag", "一只猫（红色：1.3）"])
def test_other_brackets_stay(text: str) -> None:
    assert plain(text) == (text, [])


def test_the_encoder_reads_the_plain_text_and_the_row_keeps_its_own() -> None:
    (row,) = preprocess(["a (red:1.3) cat <lora:ink:1>"], PreprocessOptions())
    assert isinstance(row, Prepared)
    assert (row.encoder_text, row.tokens) == ("a red cat", ["a", "red", "cat"])
    assert row.text == "a (red:1.3) cat <lora:ink:1>" and len(row.notes) == 2
    (none,) = preprocess(["<lora:ink:1>"], PreprocessOptions())
    assert not isinstance(none, Prepared) and "no words" in none.reason
