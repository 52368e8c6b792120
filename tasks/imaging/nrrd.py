"""NRRD volumes in one file, slice by slice with their geometry; pynrrd reads the header (`imagemill[volumes]`).

Of the header, what says where the voxels are is kept; its texts, comments and pairs of key and value are dropped.
"""

import gzip
import io
from typing import Any

import numpy as np

from tasks.imaging.refused import Refused
from tasks.imaging.voxels import check_kind, checked_length, from_bytes, resized, to_frames, to_voxels, unpacked

MAGIC = b"NRRD000"
SPACES = {
    "left-posterior-superior",
    "right-anterior-superior",
    "left-anterior-superior",
    "scanner-xyz",
    "3d-right-handed",
}
AXES = {"domain", "space", "time", "none", "???"}  # what is not one of these is a part of a voxel, such as a colour
NAMES = {"u1": "uint8", "i1": "int8", "u2": "uint16", "i2": "int16"}


def is_nrrd(data: bytes) -> bool:
    """Whether a file begins as an NRRD does."""
    return data.startswith(MAGIC)


def decode_nrrd(data: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """Slices (n, rows, columns, 1) as they are stored, along the third axis and what comes after it; and the header.

    Raises:
        Refused: it is too large, its voxels are elsewhere or no integers of 8 or 16 bits, or pynrrd is not installed.
        Exception: it is damaged.
    """
    try:
        import nrrd
    except ImportError:
        raise Refused(
            "an NRRD volume, for which pynrrd is needed: pip install 'imagemill[volumes]'", stage="skip"
        ) from None
    file = io.BytesIO(data)
    header = nrrd.read_header(file)
    if "data file" in header or "datafile" in header:
        raise Refused("an NRRD volume whose voxels are in another file; save it as one .nrrd", stage="skip")
    if not AXES.issuperset(header.get("kinds", ())):
        raise Refused("an NRRD volume of colours or vectors, not of grey values", stage="skip")
    kind = nrrd.reader._determine_datatype(header)
    check_kind(kind)
    sizes = [int(size) for size in header["sizes"]]
    length = checked_length(kind, sizes)
    _places(header, np.ones(3))  # which says now if they cannot be kept
    body = data[file.tell() :]
    packing = header["encoding"]
    if packing in {"gzip", "gz"}:
        body = unpacked(body, length + 1)
    elif packing != "raw":
        raise Refused(f"an NRRD volume packed as {packing}, which is not read; save it raw or with gzip", stage="skip")
    return to_frames(from_bytes(body, kind, sizes)), header


def encode_nrrd(header: dict[str, Any], frames: np.ndarray) -> bytes:
    """A packed NRRD file of slices (n, rows, columns, 1) in the place of those that `header` came with."""
    shape = [int(size) for size in header["sizes"]]
    rows, columns = frames.shape[1:3]
    voxels = to_voxels(frames, shape[2:])
    shrink = np.array([shape[0] / columns, shape[1] / rows, 1.0])
    lines = [
        "NRRD0005",
        f"type: {NAMES[frames.dtype.str[1:]]}",
        f"dimension: {voxels.ndim}",
        "sizes: " + " ".join(map(str, voxels.shape)),
    ]
    lines += ["endian: little"] * (frames.itemsize > 1) + ["encoding: gzip"] + _places(header, shrink)
    body = np.asfortranarray(voxels.astype(voxels.dtype.newbyteorder("<"))).tobytes(order="F")
    return "\n".join([*lines, "", ""]).encode() + gzip.compress(body, compresslevel=6, mtime=0)


def _places(header: dict[str, Any], shrink: np.ndarray) -> list[str]:
    """The lines of a header that say where voxels so many times as large are."""
    if "space directions" not in header:
        spacings = np.array(header.get("spacings", ()), float)
        spacings[:2] *= shrink[:2][: len(spacings)]
        return ["spacings: " + " ".join(_number(value) for value in spacings)] * (spacings.size > 0)
    directions = np.array(header["space directions"], float)
    affine = np.eye(4)
    spatial = ~np.isnan(directions).any(axis=1)
    if directions.shape[1] != 3 or list(np.flatnonzero(spatial)) != [0, 1, 2]:
        raise Refused("an NRRD volume whose first three axes are not those of space", stage="skip")
    affine[:3, :3] = directions[spatial].T
    affine[:3, 3] = header.get("space origin", np.zeros(3))
    made = resized(affine, shrink)
    space = str(header.get("space", "")).lower()
    vectors = [_vector(made[:3, axis]) for axis in range(3)] + ["none"] * (len(directions) - 3)
    lines = [f"space: {space}" if space in SPACES else "space dimension: 3"]
    lines += ["space directions: " + " ".join(vectors)]
    return lines + [f"space origin: {_vector(made[:3, 3])}"] * ("space origin" in header)


def _vector(values: np.ndarray) -> str:
    return "(" + ",".join(_number(value) for value in values) + ")"


def _number(value: float) -> str:
    return repr(float(value))
