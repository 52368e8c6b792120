"""What prompts ask for in so many words."""

import pytest

from models.asked import Asked
from tasks.asked.read_asked import read_asked
from tasks.text.preprocess import Prepared, PreprocessOptions, preprocess


def asked(text: str) -> Asked:
    (prepared,) = preprocess([text], PreprocessOptions())
    assert isinstance(prepared, Prepared)
    return read_asked(prepared)


def things(text: str) -> list[tuple[str, int | None, str | None]]:
    return [(thing.name, thing.count, thing.colour) for thing in asked(text).things]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a photo of seven blue balloons", [("balloon", 7, "blue")]),
        ("a cat and two black dogs", [("cat", 1, None), ("dog", 2, "black")]),
        ("cats playing in the snow", [("cat", None, None)]),
        ("a purple orange and an orange cat", [("orange", 1, "purple"), ("cat", 1, "orange")]),
        ("两只红色的猫和一只白狗", [("猫", 2, "red"), ("狗", 1, "white")]),
        ("十只鸟", [("鸟", 10, None)]),
        ("一对情侣在散步", [("情侣", 1, None)]),
        ("a cup of hot coffee", [("hot coffee", 1, None)]),
    ],
)
def test_things_with_number_and_colour(text: str, wanted: list[tuple[str, int | None, str | None]]) -> None:
    assert things(text) == wanted
    assert asked(text).unread == ()


@pytest.mark.parametrize(
    ("text", "relations"),
    [
        ("a dog to the left of a cat", ((0, "left", 1),)),
        ("a cat below a chair", ((0, "below", 1),)),
        ("a cat on the left and a dog on the right", ((0, "left", None), (1, "right", None))),
        ("狗在猫的左边", ((0, "left", 1),)),
        ("黑猫右边是一只狗", ((0, "left", 1),)),
    ],
)
def test_positions(text: str, relations: tuple[tuple[int, str, int | None], ...]) -> None:
    assert asked(text).relations == relations


def test_what_there_is_to_be_none_of() -> None:
    for text in ("a beach without people or umbrellas, with a crab", "没有树的草地，三个苹果"):
        found = asked(text)
        assert found.absent and not {thing.name for thing in found.absent} & {thing.name for thing in found.things}
    assert [thing.name for thing in asked("a beach without people or umbrellas, with a crab").absent] == [
        "person",
        "umbrella",
    ]
    assert things("没有树的草地，三个苹果") == [("苹果", 3, None)] and asked("没有树的草地").place == "meadow"


def test_place_and_sky() -> None:
    for text in ("a night sky over the mountains", "夜空下的山谷中"):
        assert (asked(text).place, asked(text).sky) == ("mountain", "night")
    assert asked("the moon above a castle").sky == "night"


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("SALE", ["SALE"]),
        ("a portrait of John Smith", ["portrait", "John", "Smith"]),
        ("a refrigerator beside a bed", ["refrigerator"]),
        ("a cat, oil painting", ["oil", "painting"]),
    ],
)
def test_words_that_name_nothing_known_are_kept(text: str, unread: list[str]) -> None:
    assert [word for word, _ in asked(text).unread] == unread


def test_of_a_text_in_another_language_nothing_is_read() -> None:
    for text, code in (("赤いリンゴ", "ja"), ("un gato negro en la playa", "es"), ("красное яблоко", "other")):
        assert asked(text).language == code and not asked(text).things
