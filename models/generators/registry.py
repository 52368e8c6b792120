"""Generators by reference, and the families of checkpoints that there are.

A family is a function that loads a checkpoint folder whose config.json names it:

    @family("toy")
    def _toy(folder: Path, device: str, name: str) -> Generator: ...

What it loads answers `models.protocols.Generator`; nothing else has to know of it.
"""

import functools
from collections.abc import Callable
from pathlib import Path

from models import checkpoint
from models.diffusers.image_half import open_diffusers
from models.diffusers.options import PLAIN, Acceleration
from models.generators.dummy import DummyGenerator
from models.messages import one_sentence
from models.protocols import Generator
from models.weight_files import DEFAULT

Load = Callable[[Path, str, str], Generator]
"""From a checkpoint's folder, the device and the name that metadata will call it by."""

FAMILIES: dict[str, Load] = {}


def family(name: str) -> Callable[[Load], Load]:
    """Registers the function that loads checkpoints whose config.json has this `family`."""

    def register(load: Load) -> Load:
        FAMILIES[name] = load
        return load

    return register


@functools.cache
def load_generator(
    reference: str, device: str = "cpu", options: Acceleration = PLAIN, panorama: bool = False
) -> Generator:
    """Loads a generator, once a process.

    Args:
        reference: `default` (the weights in this package), `dummy`, the folder of a checkpoint of ours or of
            diffusers', or the hub id of one of the latter.
        options: how a diffusers checkpoint is run; refused for all others.
        panorama: for seamless pictures of all that is around.

    Raises:
        ValueError: the reference is none of these, or the checkpoint is damaged; the message is one sentence.
    """
    if panorama:
        return load_generator(reference, device, options).panoramic()
    of_diffusers = open_diffusers(reference, device, options)
    if of_diffusers is not None:
        return of_diffusers
    if options != PLAIN:
        given = ", ".join(sorted(options.model_dump(exclude_defaults=True)))
        raise ValueError(f"{reference} is no diffusers checkpoint, so there is no {given} for it; leave that out.")
    if reference == "dummy":
        return DummyGenerator()
    folder = DEFAULT if reference == "default" else _existing_folder(reference)
    name = checkpoint.read_config(folder)["family"]
    if not isinstance(name, str) or name not in FAMILIES:
        raise ValueError(
            f"{folder} holds a model of the family {name!r}, which makes no pictures from text; "
            f"use one of {', '.join(FAMILIES)}."
        )
    with one_sentence(folder):
        return FAMILIES[name](folder, device, "default" if reference == "default" else folder.resolve().name)


def _existing_folder(reference: str) -> Path:
    folder = Path(reference)
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
    return folder


# Each family's networks are imported when they are asked for: a run of another needs none of them.


@family("vae")
def _sprite_vae(folder: Path, device: str, name: str) -> Generator:
    from models.generators.sprite_vae.sampler import VaeGenerator

    return VaeGenerator.load(folder, device, name)


@family("autoencoder")
def _autoencoder(folder: Path, device: str, name: str) -> Generator:
    from models.generators.latent import base
    from models.generators.latent.autoencoder import Autoencoder

    model = base.load(folder, "autoencoder", Autoencoder)
    return base.LatentGenerator(model, name, checkpoint.digest(folder), device)


@family("gan")
def _gan(folder: Path, device: str, name: str) -> Generator:
    from models.generators.latent import base
    from models.generators.latent.gan import Gan

    return base.LatentGenerator(base.load(folder, "gan", Gan), name, checkpoint.digest(folder), device)


@family("flow")
def _rectified_flow(folder: Path, device: str, name: str) -> Generator:
    from models.generators.latent import rectified_flow
    from models.generators.latent.base import LatentGenerator

    return LatentGenerator(rectified_flow.load(folder), name, rectified_flow.digest(folder), device)
