"""The embedded default, as the class that it is."""

import pytest

from models.generators.registry import load_generator
from models.generators.sprite_vae.sampler import VaeGenerator


@pytest.fixture(scope="module")
def generator() -> VaeGenerator:
    found = load_generator("default", "cpu")
    assert isinstance(found, VaeGenerator)
    return found
