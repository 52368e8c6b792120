"""What every image generator offers, and the one way to load one."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from models import checkpoint
from models.generators.dummy import DummyGenerator
from models.generators.latent import base
from models.generators.latent.base import LatentGenerator

DEFAULT = checkpoint.EMBEDDED / "vae"


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
    if not folder.exists():
        on_hub = ", and the model hub has no diffusers checkpoint of that name or cannot be reached"
        raise ValueError(
            f"There is no folder {reference!r}{on_hub if reference.count('/') == 1 else ''}; "
            "give default, dummy, a folder, s3:// or the hub id of a diffusers checkpoint."
        )
    if not folder.is_dir():
        raise ValueError(
            f"{reference} is a file; give a checkpoint's folder. A diffusers checkpoint in one file becomes one by "
            "StableDiffusionXLPipeline.from_single_file(FILE).save_pretrained(FOLDER), or whichever pipeline it is of."
        )
    family = checkpoint.read_config(folder)["family"]
    name = "default" if reference == "default" else folder.resolve().name
    if family == "vae":  # each family's networks are loaded when they are asked for: a dummy run needs none
        from models.generators.sprite_vae.sampler import VaeGenerator

        return VaeGenerator.load(folder, device, name)
    if family == "autoencoder":
        from models.generators.latent.autoencoder import Autoencoder

        return LatentGenerator(base.load(folder, family, Autoencoder), name, checkpoint.digest(folder), device)
    if family == "gan":
        from models.generators.latent.gan import Gan

        return LatentGenerator(base.load(folder, family, Gan), name, checkpoint.digest(folder), device)
    if family == "flow":
        from models.generators.latent import rectified_flow

        return LatentGenerator(rectified_flow.load(folder), name, rectified_flow.digest(folder), device)
    raise ValueError(
        f"{folder} holds a model of the family {family!r}, which makes no pictures from text; "
        "use a vae, autoencoder, gan or flow."
    )
