"""What the formats of volumes have in common: slices of their voxels, where these are, and data packed by gzip."""

import zlib
from collections.abc import Sequence

import numpy as np

from tasks.imaging.refused import MOST_PIXELS, Refused

KINDS = (np.uint8, np.int8, np.uint16, np.int16)


def check_kind(kind: np.dtype) -> None:
    """Refuses voxels that are no integers of 8 or 16 bits."""
    if kind.newbyteorder("=") not in KINDS:
        raise Refused("voxels that are no integers of 8 or 16 bits are maps or labels, not pictures", stage="skip")


def to_frames(voxels: np.ndarray) -> np.ndarray:
    """Slices (n, rows, columns, 1) of voxels (columns, rows, ...), in this machine's order of bytes."""
    if voxels.ndim < 2 or not voxels.size:
        raise Refused("a volume without slices", stage="skip")
    frames = voxels.reshape(*voxels.shape[:2], -1, order="F").transpose(2, 1, 0)[..., None]
    return np.ascontiguousarray(frames.astype(frames.dtype.newbyteorder("=")))


def to_voxels(frames: np.ndarray, beyond: Sequence[int]) -> np.ndarray:
    """Voxels (columns, rows, *beyond) of slices (n, rows, columns, 1)."""
    rows, columns = frames.shape[1:3]
    return frames[..., 0].transpose(2, 1, 0).reshape(columns, rows, *beyond, order="F")


def from_bytes(data: bytes, kind: np.dtype, sizes: Sequence[int]) -> np.ndarray:
    """Voxels of such sizes, the first of which changes fastest.

    Raises:
        ValueError: it is less, or more.
    """
    return np.frombuffer(data, kind).reshape(tuple(sizes), order="F")


def checked_length(kind: np.dtype, sizes: Sequence[int]) -> int:
    """Bytes of voxels of such sizes.

    Raises:
        Refused: more than are held in memory.
    """
    count = int(np.prod([int(size) for size in sizes], dtype=object))
    if count > MOST_PIXELS:
        raise Refused("its voxels are more than are held in memory")
    return count * kind.itemsize


def resized(affine: np.ndarray, shrink: np.ndarray) -> np.ndarray:
    """Voxels to millimetres, (4, 4), for voxels so many times as large, (3,), whose outer edges stay where they are."""
    made = affine.copy()
    made[:3, :3] = affine[:3, :3] * shrink
    made[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((shrink - 1) / 2)
    return made


def unpacked(data: bytes, most: int, window: int = zlib.MAX_WBITS | 16) -> bytes:
    """At most so many bytes of data packed by gzip (or by zlib, with its `window`)."""
    return zlib.decompressobj(window).decompress(data, most)
