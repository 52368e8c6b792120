"""What the embedded default reads: colours, counts and names in both languages, and what its picture shows of it."""

import pytest
import torch
from torch import Tensor

from models.generators.registry import load_generator
from models.generators.sprite_vae.sampler import VaeGenerator
from models.generators.sprite_vae.text_reader import Reading
from models.text.text_encoder import load_text_encoder
from models.text_features import pad

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def default() -> VaeGenerator:
    generator = load_generator("default")
    assert isinstance(generator, VaeGenerator)
    return generator


def read(default: VaeGenerator, texts: list[str]) -> Reading:
    with torch.inference_mode():
        batch = pad(load_text_encoder("gemma").encode(texts))
        return default.model.reader(batch.tokens, batch.mask)


def thing(default: VaeGenerator, texts: list[str]) -> Tensor:
    """Mean colour (n, 3) of the middle of each picture, where a thing alone stands."""
    pictures = default.generate(load_text_encoder("gemma").encode(texts), [3] * len(texts), 128, 128)
    return pictures[:, :, 56:88, 44:84].mean((2, 3))


def test_a_thing_takes_the_colour_that_the_text_says(default: VaeGenerator) -> None:
    blue, green, red = thing(default, ["a blue house", "a green house", "a red house"])
    assert blue[2] > blue[0] + 0.1
    assert green[1] > green[0] + 0.1
    assert red[0] > red[2] + 0.1
    lan, hong = thing(default, ["一座蓝色的房子", "一座红色的房子"])
    assert lan[2] > lan[0] + 0.1
    assert hong[0] > hong[2] + 0.1


@pytest.mark.parametrize(("one", "several", "number"), [("a dog", "three dogs", 3), ("一只兔子", "两只兔子", 2)])
def test_several_are_so_many(default: VaeGenerator, one: str, several: str, number: int) -> None:
    reading = read(default, [one, several])
    assert ((reading.present > 0).sum(1)).tolist() == [1, number]
    assert len(set(reading.concepts[1, :number].argmax(-1).tolist())) == 1


def test_everyday_names_in_both_languages_find_the_same_thing(default: VaeGenerator) -> None:
    names = [
        ("a cat", "一只猫"),
        ("a red apple", "一个红苹果"),
        ("a rocket", "火箭"),
        ("a penguin", "企鹅"),
        ("sushi", "寿司"),
    ]
    reading = read(default, [text for pair in names for text in pair])
    found = reading.concepts[:, 0].argmax(-1).reshape(-1, 2)
    assert (found[:, 0] == found[:, 1]).sum() >= 4


def test_the_founding_sentence_is_a_couple_on_a_sunny_beach(default: VaeGenerator) -> None:
    reading = read(default, ["阳光明媚，沙滩上有一对情侣散步，海浪轻轻拍打着海岸线。"])
    config = default.model.config
    assert config.places[int(reading.place.argmax())] == "beach"
    assert config.skies[int(reading.sky.argmax())] == "sunny"
    assert int((reading.present > 0).sum()) == 1
    assert config.concepts[int(reading.concepts[0, 0].argmax())][1] == "woman and man holding hands"
