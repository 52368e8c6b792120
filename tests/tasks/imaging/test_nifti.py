"""NIfTI volumes: every voxel and where it is, and nothing that somebody wrote beside them."""

import gzip
import io
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tasks.imaging.raster_codecs import decode_raster, encode_raster, raster_format
from tasks.imaging.refused import Refused
from tests.integration.runs import table
from tests.tasks.archive.test_large_files import put, run

DRAW = np.random.default_rng(5)
AFFINE = np.array([[0, -1.5, 0, 20], [0.8, 0, 0.1, -30], [0, 0.2, 3, 7], [0, 0, 0, 1.0]])


def volume(voxels: np.ndarray, packed: bool = True) -> bytes:
    image = nibabel.Nifti1Image(voxels, AFFINE)
    image.header["descrip"], image.header["aux_file"] = b"of Zzyquist", b"Zzyquist.txt"
    image.header["db_name"], image.header["intent_name"] = b"Zzyquist", b"Zzyquist"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Zzyquist"))
    data = bytearray(image.to_bytes())
    data[112:120] = struct.pack("<2f", 2.0, -1024.0)  # slope and intercept, which nibabel sets for scaled data alone
    data = bytes(data)
    return gzip.compress(data) if packed else data


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, ">i2"])
@pytest.mark.parametrize("shape", [(7, 5, 4), (7, 5, 4, 3), (7, 5)])
def test_voxels_and_places_are_kept_and_texts_are_not(shape: tuple[int, ...], kind: str, packed: bool) -> None:
    voxels = DRAW.integers(0, 200, shape).astype(kind)
    data = volume(voxels, packed)
    assert raster_format(data) == "nifti"
    raster = decode_raster(data, "nifti")
    assert np.array_equal(raster.frames[0, :, :, 0], voxels.reshape(7, 5, -1, order="F")[..., 0].T)
    made = encode_raster(raster, raster.frames, 95)
    assert b"Zzyquist" not in gzip.decompress(made)
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(made))
    assert np.array_equal(image.dataobj.get_unscaled(), voxels)
    assert np.allclose(image.affine, AFFINE)
    assert (image.dataobj.slope, image.dataobj.inter) == (2.0, -1024.0)


def test_places_follow_the_size() -> None:
    raster = decode_raster(volume(np.zeros((7, 5, 4), np.int16)), "nifti")
    larger = np.repeat(np.repeat(raster.frames, 2, axis=1), 2, axis=2)
    made = nibabel.Nifti1Image.from_bytes(gzip.decompress(encode_raster(raster, larger, 95)))
    for corner in ((-0.5, -0.5, 0), (6.5, 4.5, 3), (6.5, -0.5, 2)):
        x, y, z = corner
        seen = (2 * (x + 0.5) - 0.5, 2 * (y + 0.5) - 0.5, z, 1)
        assert np.allclose(made.affine @ seen, AFFINE @ (x, y, z, 1), atol=1e-4)


def test_what_is_no_picture_or_damaged_is_refused() -> None:
    with pytest.raises(Refused, match="no integers"):
        decode_raster(volume(np.zeros((7, 5, 4), np.float32)), "nifti")
    with pytest.raises(Refused, match="damaged"):
        decode_raster(volume(DRAW.integers(0, 999, (70, 50, 4)).astype(np.int16))[:9000], "nifti")


def test_volume_of_an_archive_is_made_slice_by_slice(tmp_path: Path) -> None:
    put(tmp_path, "Zzyquist.nii.gz", volume(DRAW.integers(-500, 500, (40, 30, 6)).astype(np.int16)))
    out = run(tmp_path, "run", "brightness:1.0")
    (row,) = table(out.url(), "metadata").to_pylist()
    assert (row["kind"], row["frames"], row["width"], row["height"]) == ("nifti", 6, 40, 30)
    assert row["image"].endswith(".nii.gz")
    before = nibabel.Nifti1Image.from_bytes(gzip.decompress((tmp_path / "archive" / "Zzyquist.nii.gz").read_bytes()))
    after = nibabel.Nifti1Image.from_bytes(gzip.decompress(out.read(row["image"])))
    assert np.array_equal(before.dataobj.get_unscaled(), after.dataobj.get_unscaled())
    assert io.BytesIO(out.read(row["preview"])).read(4) == b"RIFF"
