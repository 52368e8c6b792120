"""NIfTI volumes, slice by slice with their geometry, read and written by nibabel (`pip install 'imagemill[volumes]'`).

Of the header, numbers that say where the voxels are and how they scale are kept; its texts and extensions are dropped.
"""

import gzip
import zlib
from typing import Any

import numpy as np

from tasks.imaging.refused import MOST_PIXELS, Refused
from tasks.imaging.voxels import check_kind, resized, to_frames, to_voxels, unpacked

HEAD = 352  # bytes of the header
MAGIC = (b"n+1\0",)
KEPT = ("scl_slope", "scl_inter", "xyzt_units", "dim_info", "slice_code", "slice_start", "slice_end", "slice_duration")


def is_nifti(data: bytes) -> bool:
    """Whether a file is a NIfTI-1 volume in one file, packed by gzip or not."""
    try:
        return _unpacked(data, HEAD)[344:348] in MAGIC
    except zlib.error:
        return False


def decode_nifti(data: bytes) -> tuple[np.ndarray, Any]:
    """Slices (n, rows, columns, 1) as they are stored, along the third axis and what comes after it; and the header.

    Raises:
        Refused: it is too large, its values are no integers of 8 or 16 bits, or nibabel is not installed.
        Exception: it is damaged.
    """
    try:
        import nibabel
    except ImportError:
        raise Refused(
            "a NIfTI volume, for which nibabel is needed: pip install 'imagemill[volumes]'", stage="skip"
        ) from None
    whole = _unpacked(data, 2 * MOST_PIXELS + HEAD + 1)
    if len(whole) > 2 * MOST_PIXELS + HEAD:
        raise Refused("its voxels are more than are held in memory")
    image = nibabel.Nifti1Image.from_bytes(whole)
    check_kind(image.get_data_dtype())
    stored: Any = image.dataobj
    frames = to_frames(np.asarray(stored.get_unscaled()))
    header = image.header.copy()  # from which nibabel takes the scaling while it reads
    header["scl_slope"], header["scl_inter"] = stored.slope, stored.inter
    return frames, header


def encode_nifti(header: Any, frames: np.ndarray) -> bytes:
    """A packed NIfTI file of slices (n, rows, columns, 1) in the place of those that `header` came with."""
    import nibabel

    shape = header.get_data_shape()
    rows, columns = frames.shape[1:3]
    voxels = to_voxels(frames, shape[2:])
    made = nibabel.Nifti1Header()
    made.set_data_dtype(frames.dtype)
    made.set_data_shape(voxels.shape)
    shrink = np.array([shape[0] / columns, shape[1] / rows, 1.0])
    zooms = np.array(header.get_zooms(), float)
    zooms[:2] *= shrink[:2]
    made.set_zooms(zooms)
    for name, place, put in (("qform", header.get_qform, made.set_qform), ("sform", header.get_sform, made.set_sform)):
        code = int(header[f"{name}_code"])
        if code:
            put(resized(place(), shrink), code)
    for name in KEPT:
        made[name] = header[name]
    made["vox_offset"], made["magic"] = HEAD, MAGIC[0]
    body = np.asfortranarray(voxels.astype(voxels.dtype.newbyteorder("<"))).tobytes(order="F")
    return gzip.compress(made.binaryblock + b"\0" * 4 + body, compresslevel=6, mtime=0)


def _unpacked(data: bytes, most: int) -> bytes:
    return unpacked(data, most) if data[:2] == b"\x1f\x8b" else data[:most]
