"""A scene that is edited changes where it was asked to, and nowhere else."""

import pytest
import torch

from models.asked import Asked, AskedThing
from models.generators.sprite_vae.sampler import VaeGenerator
from models.generators.sprite_vae.scene import Edit, Scene
from models.generators.sprite_vae.scene_edits import edit_scene
from tasks.datasets.emoji.things import concepts_of, may_be
from tasks.loading.models import load_encoder

EDGE = 128


@pytest.fixture(scope="module")
def features(generator: VaeGenerator) -> dict[str, torch.Tensor]:
    texts = ["a red car and a house in the city on a sunny day", "two cats on the beach", "a dog"]
    encoder = load_encoder(generator, "cpu")
    assert encoder is not None
    return dict(zip(("car", "cats", "dog"), encoder.encode(texts), strict=True))


def scene_of(generator: VaeGenerator, features: dict[str, torch.Tensor], name: str) -> Scene:
    return Scene(generator, features[name], 7)


def edit(step: str, value: str | int, thing: str = "", **more: str) -> Edit:
    return Edit(step, value, may_be(thing) if thing else (), concepts_of(thing)[0] if thing else "", thing, **more)


def test_a_scene_without_edits_has_the_bytes_of_its_picture(generator: VaeGenerator, features: dict) -> None:
    for name, size in (("car", (EDGE, EDGE)), ("cats", (160, 96))):
        made = generator.generate([features[name]], [7], *size)[0]
        assert torch.equal(scene_of(generator, features, name).render(*size), made)


def test_a_scene_of_a_counted_text_has_the_bytes_of_its_picture(generator: VaeGenerator, features: dict) -> None:
    asked = Asked(things=(AskedThing("dog", may_be("dog"), 6),))
    made = generator.generate([features["dog"]], [7], EDGE, EDGE, asked=[asked])[0]
    assert torch.equal(Scene(generator, features["dog"], 7, asked).render(EDGE, EDGE), made)


def test_a_colour_changes_the_thing_and_its_shadow_alone(generator: VaeGenerator, features: dict) -> None:
    before, after = (scene_of(generator, features, "car") for _ in range(2))
    edit_scene(after, edit("colour", "green", "car"))
    changed = (before.render(EDGE, EDGE) - after.render(EDGE, EDGE)).abs().amax(0) > 0.02
    mask = before.mask(may_be("car"), EDGE, EDGE)[0]
    near = torch.nn.functional.max_pool2d(mask[None], 13, 1, 6)[0] > 0
    assert changed[mask > 0.9].float().mean() > 0.2
    assert not changed[~near].any()


def test_a_sky_keeps_what_stands_on_the_ground(generator: VaeGenerator, features: dict) -> None:
    before, after = (scene_of(generator, features, "cats") for _ in range(2))
    edit_scene(after, edit("sky", "night"))
    assert (after.sky, after.place) == ("night", before.place)
    slots = slice(5, 12)
    assert torch.equal(after.plan.concepts[:, slots], before.plan.concepts[:, slots])
    assert torch.equal(after.plan.poses[:, slots], before.plan.poses[:, slots])
    assert torch.equal(after.plan.z, before.plan.z)


def test_counts_add_and_take_away(generator: VaeGenerator, features: dict) -> None:
    scene = scene_of(generator, features, "cats")
    for value, left in ((3, 3), (1, 1), ("+1", 2), ("-1", 1)):
        edit_scene(scene, edit("count", value, "cat"))
        assert len(scene.slots_of(edit("scope", "", "cat"))) == left
    with pytest.raises(ValueError, match=r"none to take away|shows no"):
        edit_scene(scene, edit("count", "-1", "dog"))


def test_the_left_one_moves_and_the_other_stays(generator: VaeGenerator, features: dict) -> None:
    scene = scene_of(generator, features, "cats")
    slots = scene.slots_of(edit("scope", "", "cat"))
    before = scene.plan.poses[0, slots, 0].tolist()
    edit_scene(scene, edit("move", "right", "cat", at="left", amount="bit"))
    after = scene.plan.poses[0, slots, 0].tolist()
    assert after[before.index(min(before))] == pytest.approx(min(before) + 0.1, abs=1e-3)
    assert after[before.index(max(before))] == max(before)


def test_what_is_not_there_is_told_with_what_is(generator: VaeGenerator, features: dict) -> None:
    scene = scene_of(generator, features, "car")
    with pytest.raises(ValueError, match="shows no umbrella; it shows automobile, house"):
        edit_scene(scene, edit("remove", "", "umbrella"))
    with pytest.raises(ValueError, match="ask for a place first"):
        edit_scene(scene_of(generator, features, "dog"), edit("sky", "night"))


def test_a_scene_has_room_for_four_things(generator: VaeGenerator, features: dict) -> None:
    scene = scene_of(generator, features, "cats")
    for _ in range(2):
        edit_scene(scene, edit("add", "", "dog"), features["dog"])
    with pytest.raises(ValueError, match="4 things already"):
        edit_scene(scene, edit("add", "", "dog"), features["dog"])


def test_a_thing_is_added_at_the_side_that_is_named(generator: VaeGenerator, features: dict) -> None:
    scene = scene_of(generator, features, "cats")
    edit_scene(scene, edit("add", "", "dog", at="right"), features["dog"])
    assert float(scene.plan.poses[0, scene.slots_of(edit("scope", "", "dog"))[0], 0]) > 0.75


def test_the_sky_ends_at_the_horizon(generator: VaeGenerator, features: dict) -> None:
    mask = scene_of(generator, features, "cats").background(EDGE, EDGE, sky=True)[0]
    assert mask[:30].mean() > 0.6
    assert mask[90:].max() == 0
