"""MetaImage volumes in one file (`.mha`), slice by slice with their geometry.

A header of lines `Key = Value`, then the voxels (https://itk.org/Wiki/ITK/MetaIO/Documentation). Of the header, numbers
that say where the voxels are are kept; its comments, names and keys that the format does not know are dropped.
"""

import zlib

import numpy as np

from tasks.imaging.refused import Refused
from tasks.imaging.voxels import check_kind, checked_length, from_bytes, to_frames, to_voxels, unpacked

TYPES = {"MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2"}
NAMES = {kind: name for name, kind in TYPES.items()}
LAST = b"ElementDataFile"  # the key whose line is the last of a header
MOST = 1 << 16  # bytes of a header


def is_metaimage(data: bytes) -> bool:
    """Whether a file begins as a MetaImage does."""
    return data.lstrip()[:10].startswith((b"ObjectType", b"NDims"))


def decode_metaimage(data: bytes) -> tuple[np.ndarray, dict[str, str]]:
    """Slices (n, rows, columns, 1) as they are stored, along the third axis and what comes after it; and the header.

    Raises:
        Refused: it is too large, or its voxels are elsewhere, of colours, or no integers of 8 or 16 bits.
        Exception: it is damaged.
    """
    end = data.index(b"\n", data.index(LAST, 0, MOST)) + 1
    pairs = (line.partition("=") for line in data[:end].decode("latin-1").splitlines())
    header = {key.strip(): value.strip() for key, _, value in pairs}
    if header["ElementDataFile"].upper() != "LOCAL":
        raise Refused("a MetaImage volume whose voxels are in another file; save it as one .mha", stage="skip")
    if int(header.get("ElementNumberOfChannels", 1)) != 1:
        raise Refused("a MetaImage volume of colours or vectors, not of grey values", stage="skip")
    big = _is_true(header, "BinaryDataByteOrderMSB") or _is_true(header, "ElementByteOrderMSB")
    kind = np.dtype(TYPES.get(header["ElementType"], "f8")).newbyteorder(">" if big else "<")
    check_kind(kind)
    if not _is_true(header, "BinaryData", "True"):
        raise Refused("a MetaImage volume whose voxels are written as text, which is not read", stage="skip")
    sizes = [int(size) for size in header["DimSize"].split()]
    length = checked_length(kind, sizes)
    _places(header, np.ones(len(sizes)))  # which says now if they cannot be kept
    skip = int(header.get("HeaderSize", 0))
    body = data[-length:] if skip == -1 else data[max(end, skip) :]
    if _is_true(header, "CompressedData"):
        body = unpacked(body, length + 1, zlib.MAX_WBITS | 32)
    return to_frames(from_bytes(body, kind, sizes)), header


def encode_metaimage(header: dict[str, str], frames: np.ndarray) -> bytes:
    """A packed MetaImage file of slices (n, rows, columns, 1) in the place of those that `header` came with."""
    shape = [int(size) for size in header["DimSize"].split()]
    rows, columns = frames.shape[1:3]
    voxels = to_voxels(frames, shape[2:])
    body = zlib.compress(np.asfortranarray(voxels.astype(voxels.dtype.newbyteorder("<"))).tobytes(order="F"), 6)
    shrink = np.array([shape[0] / columns, shape[1] / rows, *[1.0] * (voxels.ndim - 2)])
    lines = ["ObjectType = Image", f"NDims = {voxels.ndim}", "BinaryData = True", "BinaryDataByteOrderMSB = False"]
    lines += ["CompressedData = True", f"CompressedDataSize = {len(body)}", *_places(header, shrink)]
    lines += ["DimSize = " + " ".join(map(str, voxels.shape)), f"ElementType = {NAMES[frames.dtype.str[1:]]}"]
    return "\n".join([*lines, "ElementDataFile = LOCAL", ""]).encode() + body


def _places(header: dict[str, str], shrink: np.ndarray) -> list[str]:
    """The lines of a header that say where voxels so many times as large are."""
    axes = len(shrink)
    spacing = _numbers(header, ("ElementSpacing", "ElementSize"), np.ones(axes))
    origin = _numbers(header, ("Offset", "Position", "Origin"), np.zeros(axes))
    turn = _numbers(header, ("TransformMatrix", "Rotation", "Orientation"), np.eye(axes).ravel())
    voxel = turn.reshape(axes, axes).T * spacing  # from one voxel to the next along each axis: a column each
    origin = origin + voxel @ ((shrink - 1) / 2)
    lines = {"TransformMatrix": turn, "Offset": origin, "ElementSpacing": spacing * shrink}
    return [f"{key} = " + " ".join(repr(float(value)) for value in values) for key, values in lines.items()]


def _numbers(header: dict[str, str], keys: tuple[str, ...], default: np.ndarray) -> np.ndarray:
    found = next((header[key] for key in keys if key in header), None)
    values = default if found is None else np.array([float(value) for value in found.split()])
    if values.shape != default.shape:
        raise ValueError(f"{keys[0]} has {values.size} numbers")
    return values


def _is_true(header: dict[str, str], key: str, default: str = "False") -> bool:
    return header.get(key, default).lower() == "true"
