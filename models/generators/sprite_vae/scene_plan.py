"""The latents of scenes, and the noise that they are drawn with."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.generators.sprite_vae.model import LATENT, POSE
from models.generators.sprite_vae.text_reader import Reading
from models.generators.sprite_vae.wishes import Extra


@dataclass
class Noise:
    """A row's noise, all drawn from its seed before anything depends on the text."""

    choices: Tensor  # uniform numbers for place, sky and each slot of the surroundings
    z: Tensor  # (16,)
    poses: Tensor  # (slots, 3)


@dataclass
class ScenePlan:
    """The sampled latents of a batch."""

    place: Tensor  # (n,) index
    sky: Tensor  # (n,) index
    concepts: Tensor  # (n, slots), -1 where empty
    colours: Tensor  # (n, slots), -1 where an object keeps its own
    poses: Tensor  # (n, slots, 3)
    z: Tensor  # (n, 16)
    reading: Reading  # what the texts were read as
    extra: list[list[Extra]] = field(default_factory=list)  # of each row, what is drawn beyond the slots


def noise_of(seed: int, slots: int) -> Noise:
    source = torch.Generator("cpu").manual_seed(int(seed) & 0x7FFFFFFFFFFFFFFF)
    return Noise(
        torch.rand(2 + slots, generator=source, device="cpu"),
        torch.randn(LATENT, generator=source, device="cpu"),
        torch.randn(slots, POSE, generator=source, device="cpu").clamp(-2, 2),
    )
