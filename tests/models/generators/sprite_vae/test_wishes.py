"""The default's scenes are held to what texts ask for in so many words, and tell how much of it they show."""

from collections import Counter

import pytest
import torch

from models.asked import Asked, AskedThing, Match
from models.generators.sprite_vae.sampler import VaeGenerator
from models.generators.sprite_vae.scene_plan import noise_of
from models.generators.sprite_vae.wishes import Wish
from tasks.asked.read_asked import read_asked
from tasks.loading.models import load_encoder
from tasks.text.preprocess import Prepared, PreprocessOptions, preprocess

TEXTS = (
    "seven red apples",
    "a cat to the left of a dog",
    "a dog to the left of a cat",
    "a cat below a chair",
    "a meadow without flowers and trees",
    "a castle at night",
    "a red apple and a bench",
    "SALE",
    "赤いリンゴ",
    "a lion",
    "a sailing boat on the sea at sunset",
)


@pytest.fixture(scope="module")
def read(generator: VaeGenerator) -> dict[str, tuple[torch.Tensor, Asked]]:
    encoder = load_encoder(generator, "cpu")
    assert encoder is not None
    prepared = [one for one in preprocess(TEXTS, PreprocessOptions()) if isinstance(one, Prepared)]
    features = encoder.encode([one.encoder_text for one in prepared])
    return {one.text: (each, read_asked(one)) for one, each in zip(prepared, features, strict=True)}


Read = dict[str, tuple[torch.Tensor, Asked]]


def shown(generator: VaeGenerator, read: Read, text: str, seed: int = 3):  # type: ignore[no-untyped-def]
    """Names of what the scene shows, and the plan."""
    config, (features, asked) = generator.model.config, read[text]
    with torch.inference_mode():
        plan = generator._plan([features] * 8, [noise_of(seed, config.slots)] * 8, wishes=[Wish(config, asked)])
    concepts = plan.concepts[0].tolist() + [concept for concept, _, _ in plan.extra[0]]
    return Counter(config.concepts[concept][1] for concept in concepts if concept >= 0), plan


def matched(generator: VaeGenerator, read: Read, text: str, seed: int = 3) -> Match:
    features, asked = read[text]
    return generator.match([features], [seed], [asked])[0]


def test_things_are_counted_up_to_ten(generator: VaeGenerator, read: Read) -> None:
    names, plan = shown(generator, read, "seven red apples")
    assert names["red apple"] == 7
    middles = sorted(pose[0] for _, _, pose in plan.extra[0])
    assert len(middles) == 3 and all(0 < x < 1 for x in middles)


@pytest.mark.parametrize("text", ["a cat to the left of a dog", "a dog to the left of a cat"])
def test_things_stand_where_they_are_said_to(generator: VaeGenerator, read: Read, text: str) -> None:
    config = generator.model.config
    for seed in range(3):
        _, plan = shown(generator, read, text, seed)
        at = {
            config.concepts[int(plan.concepts[0, slot])][1]: float(plan.poses[0, slot, 0])
            for slot in range(config.objects, config.objects + 4)
            if int(plan.concepts[0, slot]) >= 0
        }
        left, right = ("cat", "dog") if text.startswith("a cat") else ("dog", "cat")
        assert at[left] < at[right]


def test_what_is_not_wanted_is_not_there_and_a_night_is_one(generator: VaeGenerator, read: Read) -> None:
    names, plan = shown(generator, read, "a meadow without flowers and trees")
    assert generator.model.config.places[int(plan.place[0])] == "meadow"
    assert not {name for name in names if "tree" in name or name in {"blossom", "tulip"}}
    _, plan = shown(generator, read, "a castle at night")
    assert generator.model.config.skies[int(plan.sky[0])] == "night"


def test_a_match_says_what_is_missing(generator: VaeGenerator, read: Read) -> None:
    for text in ("seven red apples", "a cat below a chair", "a castle at night", "a lion"):
        assert matched(generator, read, text) == Match(1.0)
    half = matched(generator, read, "a red apple and a bench")
    assert half.share == 0.5 and half.notes == ["not read: bench"]
    assert matched(generator, read, "SALE").share < 0.5
    assert matched(generator, read, "SALE").notes[0].startswith("not read: SALE (taken for ")
    assert matched(generator, read, "赤いリンゴ") == Match(0.0, ["language ja is not read"])
    unknown = Asked(things=(AskedThing("oven", ()),))
    assert generator.match([read["a lion"][0]], [1], [unknown])[0] == Match(0.0, ["not shown: oven"])


def test_a_scene_that_shows_it_all_keeps_its_bytes(generator: VaeGenerator, read: Read) -> None:
    for text in ("a lion", "a sailing boat on the sea at sunset"):
        features, asked = read[text]
        made = generator.generate([features], [5], 128, 128, asked=[asked])
        assert torch.equal(made, generator.generate([features], [5], 128, 128))


def test_a_picture_does_not_depend_on_its_neighbours_words(generator: VaeGenerator, read: Read) -> None:
    found = [read[text] for text in ("seven red apples", "a lion", "a cat below a chair")]
    features, asked = [each[0] for each in found], [each[1] for each in found]
    together = generator.generate(features, [1, 2, 3], 128, 128, asked=asked)
    rows = zip(features, [1, 2, 3], asked, strict=True)
    alone = [generator.generate([feature], [seed], 128, 128, asked=[one])[0] for feature, seed, one in rows]
    assert torch.equal(together, torch.stack(alone))
