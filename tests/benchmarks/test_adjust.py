"""The benchmark of scene edits tells an edit that was made from one that was not."""

import random

from benchmarks.adjust import Seen, cases, has_changed, kept, measure
from tasks.datasets.emoji.things import concepts_of

CAT, DOG = concepts_of("cat")[0], concepts_of("dog")[0]


def test_a_scene_is_edited_and_nothing_else() -> None:
    changed, others, pictures = measure("remove", 3)
    assert pictures == 3
    assert changed == 1
    assert others >= 0.9


def test_what_did_not_happen_does_not_count() -> None:
    case = next(c for c in cases("sky", random.Random(0)))
    before = Seen("beach", "sunny", ((CAT, "", 0.3), (DOG, "", 0.7)))
    assert not has_changed("sky", case, before, before)
    other = Seen("desert", case.wanted, ((CAT, "", 0.3),))
    assert has_changed("sky", case, before, other)
    same, of = kept("sky", case, before, other)
    assert same < of
