"""Instructions are understood as they were written to be, and what is not understood is refused."""

import pytest
from pydantic import ValidationError

from flows.jobs.reprocess import ReprocessJob
from tasks.adjust.reader import read_instruction
from tests.tasks.adjust.scoring import FOLDER, load, score


@pytest.mark.parametrize("name", ["held_out", "development"])
def test_instructions_are_read(name: str) -> None:
    result = score(load(FOLDER / f"{name}.tsv"))
    shares = result.shares()
    assert shares["step and sign"] >= 0.95, result.wrong
    assert shares["amount"] >= 0.85, result.wrong
    assert shares["refused"] >= 0.95, result.wrong
    assert shares["not wrong in silence"] >= 0.99, result.wrong


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the instruction is empty"),
        ("make the umbrela red", "the nearest it knows: umbrella"),
        ("add a zyzzogeton", "nothing is known as"),
        ("brghter", "'a bit brighter'"),
        ("warmer and cooler", "contradict each other"),
        ("add a dog, remove the dog", "to add and to remove"),
        ("seven cats", "1 to 4"),
        ("brighter by 900%", "farther than brightness goes"),
        ("warmer " * 100, "characters"),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    plan = read_instruction(text)
    assert plan.steps == ()
    assert reason in (plan.refused or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("不要太亮", "brightness:0.83"),
        ("画面有点冷", "temperature:+10"),  # a complaint, where 冷一点 is a wish
        ("contrast is too low", "contrast:1.2"),
        ("increase brightness to 150%", "brightness:1.5"),
        ("加两只鸟", "count 鸟 +2"),
        ("make the red car blue", "colour red car blue"),
        ("not darker", "nothing to change"),
        ("去掉一只猫", "count 猫 -1"),  # not all of them
        ("add a tree on the left", "add left tree"),
    ],
)
def test_a_turn_of_phrase_is_not_taken_for_its_opposite(text: str, said: str) -> None:
    assert str(read_instruction(text)) == said


@pytest.mark.parametrize(
    "text",
    [
        "make it brighter but not the sky",
        "brighter, but leave the sky alone",
        "the background darker, but keep the sky",
        "亮一点但是天空不变",
        "at sunset but leave the sky as it is",
        "crop to 4:5 but keep the cat",
        "make the cat blue, but do not touch the cat",
        "make it night, without changing the background",
    ],
)
def test_what_is_to_stay_and_would_change_is_refused(text: str) -> None:
    assert "as it is and for" in str(read_instruction(text).refused)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("make the car red but not the house", "colour car red"),
        ("the cat darker, but not the dog", "brightness:0.83 (cat)"),
        ("只把背景调暗，猫不变", "brightness:0.83 (background)"),
        ("brighter, don't change the colours", "brightness:1.18"),
        ("at sunset, but keep the place", "sky sunset"),
    ],
)
def test_what_is_to_stay_and_does_is_no_hindrance(text: str, said: str) -> None:
    assert str(read_instruction(text)) == said


def test_archives_are_given_filters_alone() -> None:
    assert read_instruction("denoise a bit", scenes=False).steps
    assert "ask for filters alone" in str(read_instruction("add a cat", scenes=False).refused)


def test_a_reprocess_job_takes_words_for_its_chain() -> None:
    told = {"archive": "a", "out": "b", "enhance": "sharpen:0.1", "instruct": "a bit more contrast, less noise"}
    job = ReprocessJob(**told)
    assert job.enhance == "sharpen:0.1,contrast:1.08,denoise:0.3"
    assert ReprocessJob(**job.model_dump()).enhance == job.enhance
    with pytest.raises(ValidationError, match="ask for filters alone"):
        ReprocessJob(**{**told, "instruct": "add a cat"})
