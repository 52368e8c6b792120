"""Noisy patches of an archive of pictures, local or in an object store: what a denoiser is trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.denoiser import to_opponent
from tasks.archive import list_files
from tasks.errors import BadInput
from tasks.scan import Scan
from tasks.storage import Storage

SIDE = 64
_CHANNELS = (0, 0, 1, 2)  # of a colour picture: brightness as often as both others together


@dataclass(frozen=True)
class Patches:
    """What a training sees of an archive.

    Attributes:
        pixels: (n, 1, SIDE, SIDE) float32, each less its own mean.
        pictures: how many files they come from.
    """

    pixels: Tensor
    pictures: int


def read_patches(archive: str, pictures: int, patches: int, seed: int, seen: Callable[[int, int], None]) -> Patches:
    """Takes `patches` patches of at most `pictures` files, drawn from the whole archive; the same ones every time.

    A file is read as `reprocess` reads it: DICOM (a frame of it, as its window shows it), PNG, TIFF, JPEG, WebP; others
    are left out.

    Args:
        seen: called with (files read, files to read).

    Raises BadInput if there is no archive, no picture in it that can be read, or only blank ones.
    """
    names = [path for path, _, _ in list_files(archive)]
    if not names:
        raise BadInput(f"{archive} has no files: give the folder of an archive of pictures.")
    storage, source = Storage(archive), np.random.default_rng(seed)
    if len(names) > pictures:
        names = sorted(source.choice(names, pictures, replace=False).tolist())
    each = -(-patches // len(names))
    kept: list[np.ndarray] = []
    read = 0
    for number, name in enumerate(names):
        picture = _shown(storage.read(name), source)
        if picture is not None:
            read += 1
            kept += _cut(picture, each, source)
        seen(number + 1, len(names))
    if not kept:
        raise BadInput(
            f"{archive} has no picture with anything in it to learn from; {len(names)} files were looked at."
        )
    pixels = torch.from_numpy(np.stack(kept[:patches]))[:, None]
    return Patches(pixels, read)


def _shown(data: bytes, source: np.random.Generator) -> np.ndarray | None:
    """(h, w, 1 or 3) float32 in [0, 1]: what enhancement would see of a file, or None if it holds no picture."""
    try:
        scan = Scan(0, "", data)
    except Exception:  # damaged, or no picture: `reprocess` says why, file by file
        return None
    frame = int(source.integers(len(scan.frames)))
    return scan.levels[frame].shown(scan.frames[frame])


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
