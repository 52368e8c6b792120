"""Patches of an archive of pictures, local or in an object store, to train a denoiser on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from models.filters.denoiser import to_opponent, with_colour
from tasks.archive.image_file import ArchiveImage
from tasks.archive.listing import list_files
from tasks.archive.shard_state import fetch
from tasks.imaging.refused import Refused
from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage

SIDE = 96
SCALES = (1.0, 0.75, 0.5)  # at which clean pictures are cut: their own noise is less in the smaller ones


@dataclass(frozen=True)
class Patches:
    """Patches cut from an archive.

    Attributes:
        pixels: (n, 3, SIDE, SIDE) float32 in the opponent space; of grey pictures only the first channel is not 0.
        coloured: (n,) bool.
        pictures: how many files they come from.
    """

    pixels: Tensor
    coloured: Tensor
    pictures: int


def list_archive(archive: str) -> list[str]:
    """Paths of all files of an archive. Raises BadInput if there is no archive, or nothing in it."""
    files = [path for path, _, _ in list_files(archive)]
    if not files:
        raise BadInput(f"{archive} has no files: give the folder of an archive of pictures.")
    return files


def read_patches(
    archive: str,
    paths: Sequence[str],
    pictures: int,
    patches: int,
    seed: int,
    done: Callable[[int], None],
    clean: bool = False,
) -> Patches:
    """Takes `patches` patches of at most `pictures` files, drawn from all `paths`; the same ones every time.

    A file is read as `reprocess` reads it: DICOM (a frame of it, as its window shows it), PNG, TIFF, JPEG, WebP,
    JPEG XL; others are left out.

    Args:
        paths: as `list_archive` gives them.
        done: is told how many files have been read.
        clean: the pictures have no noise, so that they may be cut at other scales too.

    Raises BadInput if none of them is a picture that can be read, or all are blank.
    """
    storage, source, files = Storage(archive), np.random.default_rng(seed), list(enumerate(paths))
    if len(files) > pictures:
        chosen = source.choice(len(files), pictures, replace=False)
        files = [files[int(row)] for row in sorted(chosen)]
    each = -(-patches // len(files))
    kept: list[tuple[Tensor, bool]] = []
    read = 0
    for number, (row, path) in enumerate(files, 1):
        picture = _shown(_data(storage, path, row), source)
        if picture is not None:
            read += 1
            kept += _cut(picture, each, source, SCALES if clean else (1.0,))
        done(number)
    if not kept:
        raise BadInput(
            f"{archive} has no picture with anything in it to learn from; {len(files)} files were looked at."
        )
    pixels, coloured = zip(*kept[:patches], strict=True)
    return Patches(torch.stack(pixels), torch.tensor(coloured), read)


def _data(storage: Storage, path: str, row: int) -> bytes:
    """The file's bytes, none if it is gone. A failure does not tell its name, which may be a patient's."""
    try:
        return fetch(storage, path, row)
    except Refused:
        return b""


def _shown(data: bytes, source: np.random.Generator) -> np.ndarray | None:
    """(h, w, 1 or 3) float32 in [0, 1]: what enhancement would see of a file, or None if it holds no picture."""
    try:
        scan = ArchiveImage(0, "", data)
    except Exception:  # damaged, or no picture: `reprocess` says why, file by file
        return None
    frame = int(source.integers(len(scan.frames)))
    return scan.levels[frame].shown(scan.frames[frame])


def _cut(
    picture: np.ndarray, amount: int, source: np.random.Generator, scales: tuple[float, ...]
) -> list[tuple[Tensor, bool]]:
    """Cuts random patches (3, SIDE, SIDE) from a picture (h, w, c), each with whether it has colours; no blank ones."""
    sizes = [_channels(picture, scale) for scale in scales if scale == 1 or min(picture.shape[:2]) * scale >= SIDE]
    made = []
    for _ in range(amount):
        channels = sizes[int(source.integers(len(sizes)))]
        top = int(source.integers(channels.shape[1] - SIDE + 1))
        left = int(source.integers(channels.shape[2] - SIDE + 1))
        patch = channels[:, top : top + SIDE, left : left + SIDE]
        if patch[0].diff().abs().median() > 0:
            made.append((with_colour(patch).clone(), len(channels) == 3))
    return made


def _channels(picture: np.ndarray, scale: float) -> Tensor:
    """(1 or 3, h, w) of (h, w, c), opponent channels, no side shorter than SIDE."""
    if scale != 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = picture if picture.ndim == 3 else picture[..., None]
    short = [max(0, SIDE - side) for side in picture.shape[:2]]
    if any(short):
        picture = np.pad(picture, ((0, short[0]), (0, short[1]), (0, 0)), mode="symmetric")
    return to_opponent(torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))))
