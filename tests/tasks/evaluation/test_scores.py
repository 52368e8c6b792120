"""Scores: what is in the picture counts, what is not asked does not, and what is twice there is not once there."""

import pytest
import torch
from torch.nn import functional as F

from models.judge.model import Judge, JudgeConfig, Verdict
from tasks.datasets.emoji.scenes import SUN
from tasks.evaluation.questions import Named, Scene
from tasks.evaluation.scores import frechet, name_scores, scene_scores, variety

CONFIG = JudgeConfig(
    ("cat", "dog", "car", SUN), ("red", "blue"), ("beach", "plain"), ("sunny", "night"), width=16, key=8
)
Seen = tuple[str, str | None, int, int]  # concept, colour, column, row of the grid


@pytest.fixture
def judge() -> Judge:
    torch.manual_seed(1)
    return Judge(CONFIG).eval()


def verdict(judge: Judge, pictures: list[list[Seen]], place: str = "beach", sky: str = "sunny") -> Verdict:
    """As if the judge had seen these things."""
    n = len(pictures)
    made = Verdict(
        there=torch.full((n, 16, 16), -9.0),
        embedding=F.normalize(torch.ones(n, 8, 16, 16), dim=1),
        colours=torch.zeros(n, 3, 16, 16),
        place=F.one_hot(torch.tensor([CONFIG.places.index(place)] * n), 2).float(),
        sky=F.one_hot(torch.tensor([CONFIG.skies.index(sky)] * n), 2).float(),
        view=torch.zeros(n, 4),
    )
    for i, things in enumerate(pictures):
        for concept, colour, x, y in things:
            made.there[i, y, x] = 9.0
            made.embedding[i, :, y, x] = F.normalize(judge.keys[CONFIG.concepts.index(concept)].detach(), dim=0)
            made.colours[i, CONFIG.colours.index(colour) if colour else 2, y, x] = 5.0
    return made


def test_a_name_is_right_with_any_concept_that_has_it(judge: Judge) -> None:
    seen = verdict(judge, [[("cat", None, 3, 3)], [("dog", None, 3, 3)], [("car", None, 3, 3)]])
    asked = [
        Named(0, "kitty", "g", frozenset({"cat", "dog"})),
        Named(1, "kitty", "g", frozenset({"cat", "dog"})),
        Named(2, "cat", "g", frozenset({"cat"})),
    ]
    with torch.inference_mode():
        scores = name_scores(judge, seen, asked)
    assert scores["g, top-1"] == pytest.approx(2 / 3)
    assert scores["g, top-5"] == 1.0


def test_each_attribute_of_a_scene_is_asked_by_itself(judge: Judge) -> None:
    two_cats: list[Seen] = [("cat", "red", 3, 8), ("cat", None, 10, 8), (SUN, None, 10, 2)]
    seen = verdict(judge, [two_cats, [("dog", "blue", 8, 8)], [("dog", "red", 8, 8)]])
    asked = [
        Scene(0, "two cats on a beach", "beach", None, (("cat", None), ("cat", None))),
        Scene(1, "a red dog at night", None, "night", (("dog", "red"),)),
        Scene(2, "a red cat and a car", None, None, (("cat", "red"), ("car", None))),
    ]
    with torch.inference_mode():
        scores = scene_scores(judge, seen, asked)
    assert scores["composition, place"] == 1.0
    assert scores["composition, sky"] == 0.0
    assert scores["composition, object"] == 2 / 4
    assert scores["composition, count"] == 2 / 3  # the sun is one of the surroundings
    assert scores["composition, colour"] == 1 / 2  # what is red is no cat, but red
    assert scores["composition, all"] == 6 / 11


def test_one_too_many_is_a_wrong_count_and_a_thing_that_surrounds_scenes_is_not_counted(judge: Judge) -> None:
    cats: list[Seen] = [("cat", None, 2, 8), ("cat", None, 8, 8), ("cat", None, 13, 8)]
    seen = verdict(judge, [cats, [(SUN, None, 2, 8)]])
    asked = [
        Scene(0, "two cats", None, None, (("cat", None), ("cat", None))),
        Scene(1, "the sun", None, None, ((SUN, None),)),
    ]
    with torch.inference_mode():
        scores = scene_scores(judge, seen, asked)
    assert scores["composition, count"] == 0.0
    assert scores["composition, object"] == 1.0


def test_distance_is_none_to_itself_and_grows_with_the_shift() -> None:
    features = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    assert frechet(features, features) == pytest.approx(0, abs=1e-6)
    assert frechet(features, features + 2.0) == pytest.approx(24, rel=1e-3)  # 6 x 2 squared
    assert frechet(features, features * 2) > 1


def test_variety_is_none_for_the_same_picture_again_and_one_for_unrelated_ones() -> None:
    source = torch.Generator().manual_seed(0)
    same = torch.randn(10, 1, 5, generator=source).expand(-1, 4, -1)
    assert variety(same) == pytest.approx(0, abs=1e-3)
    assert variety(torch.randn(10, 4, 5, generator=source)) == pytest.approx(1, abs=0.1)
