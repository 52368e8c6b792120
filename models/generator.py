"""What every image generator offers, and the one way to load one."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from models.checkpoint import read_config
from models.dummy import DummyGenerator

DEFAULT = Path(__file__).parent / "weights" / "vae"


class Generator(Protocol):
    """Text features and seeds to pictures."""

    name: str
    digest: str  # sha256 of the weights, hex
    encoder: str | None  # reference of the text encoder whose features it reads; None needs none
    size: int  # native edge in pixels

    def generate(self, features: Sequence[Tensor], seeds: Sequence[int], width: int, height: int) -> Tensor:
        """Pictures (rows, 3, height, width), float32 in [0, 1].

        `features` holds one (tokens, width) tensor a row. A row's picture is the same to the byte whatever rows are
        beside it. Raises ValueError when rows, seeds, the size or the features' width do not fit.
        """
        ...


@functools.cache
def load_generator(reference: str, device: str = "cpu") -> Generator:
    """`default` (the weights in this package), `dummy`, or the folder of a checkpoint.

    Raises ValueError with one sentence when the reference is none of these or the checkpoint is damaged.
    """
    if reference == "dummy":
        return DummyGenerator()
    folder = DEFAULT if reference == "default" else Path(reference)
    family = read_config(folder)["family"]
    if family == "vae":
        from models.vae_generator import VaeGenerator  # a dummy run need not load the networks

        return VaeGenerator.load(folder, device, "default" if reference == "default" else folder.name)
    raise ValueError(f"{folder} holds a model of the family {family!r}, which this version cannot run; use a vae.")
