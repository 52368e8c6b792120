"""Noisy patches of an archive of pictures, local or in an object store: what a denoiser is trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.denoiser import to_opponent
from tasks.errors import BadInput
from tasks.pixels import decoded
from tasks.storage import explain, filesystem

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp")
SIDE = 64
_CHANNELS = (0, 0, 1, 2)  # of a colour picture: brightness as often as both others together


@dataclass(frozen=True)
class Patches:
    """Patches and how noisy they are.

    Attributes:
        pixels: (n, 1, SIDE, SIDE) float32, each less its own mean.
        sigma: (n,) the standard deviation of each one's noise, estimated.
        pictures: how many files they come from.
    """

    pixels: Tensor
    sigma: Tensor
    pictures: int


def read_patches(archive: str, pictures: int, patches: int, seed: int, seen: Callable[[int, int], None]) -> Patches:
    """Takes `patches` patches of at most `pictures` files, drawn from the whole archive; the same ones every time.

    Args:
        seen: called with (files read, files to read).

    Raises BadInput if there is no archive, no picture in it that can be read, or only blank ones.
    """
    fs, names = _listed(archive)
    source = np.random.default_rng(seed)
    if len(names) > pictures:
        names = sorted(source.choice(names, pictures, replace=False).tolist())
    each = -(-patches // len(names))
    kept: list[np.ndarray] = []
    read = 0
    for number, name in enumerate(names):
        picture = decoded(fs.cat_file(name))
        if picture is not None:
            read += 1
            kept += _cut(picture, each, source)
        seen(number + 1, len(names))
    if not kept:
        raise BadInput(
            f"{archive} has no picture with anything in it to learn from ({len(names)} files were looked at)."
        )
    pixels = torch.from_numpy(np.stack(kept[:patches]))[:, None]
    return Patches(pixels, noise_of(pixels), read)


def noise_of(patches: Tensor) -> Tensor:
    """(n,) estimated noise of (n, 1, h, w): the median of second differences across each 2 x 2 pixels."""
    across = patches[..., 1:, 1:] - patches[..., :-1, 1:] - patches[..., 1:, :-1] + patches[..., :-1, :-1]
    return across.abs().flatten(1).median(1).values / (2 * 0.6745)


def _listed(archive: str):  # type: ignore[no-untyped-def]  # fsspec has no types
    fs, place = filesystem(archive)
    try:
        names = sorted(name for name in fs.find(place) if name.lower().endswith(SUFFIXES))
    except Exception as error:
        explained = explain(error, archive)
        if explained is None:
            raise
        raise BadInput(str(explained)) from error
    if not names:
        raise BadInput(f"{archive} has no pictures ({', '.join(SUFFIXES)}): give the folder of an archive.")
    return fs, names


def _cut(picture: np.ndarray, amount: int, source: np.random.Generator) -> list[np.ndarray]:
    """So many patches (SIDE, SIDE) of one picture (h, w, c), but none that is blank."""
    height, width = picture.shape[:2]
    short = max(0, SIDE - height), max(0, SIDE - width)
    if any(short):
        picture = np.pad(picture, ((0, short[0]), (0, short[1]), (0, 0)), mode="symmetric")
    channels = to_opponent(torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))).numpy()
    made = []
    for _ in range(amount):
        top = int(source.integers(channels.shape[1] - SIDE + 1))
        left = int(source.integers(channels.shape[2] - SIDE + 1))
        channel = _CHANNELS[int(source.integers(4))] if len(channels) == 3 else 0
        patch = channels[channel, top : top + SIDE, left : left + SIDE]
        if np.median(np.abs(np.diff(patch))) > 0:
            made.append(patch - patch.mean())
    return made
