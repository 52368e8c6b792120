"""The things that captions name, for training."""

from tasks.training.data.retrieved import differs

IDS = ["cat", "dog", "sun"]


def test_a_caption_is_misread_when_other_things_are_found_than_its_row_tells() -> None:
    assert not differs([1, 0, -1, -1], IDS, ["cat", "dog"])
    assert differs([1, -1, -1, -1], IDS, ["cat", "dog"])
    assert differs([0, 0, -1, -1], IDS, ["cat"])
    assert differs([0, -1, -1, -1], IDS, [])


def test_what_a_row_does_not_tell_or_the_memory_does_not_know_is_no_mistake() -> None:
    assert not differs([1, -1, -1, -1], IDS, None)
    assert not differs([1, -1, -1, -1], IDS, ["T0"])
