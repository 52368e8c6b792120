"""NRRD volumes: every voxel and where it is, and nothing that somebody wrote beside them."""

import io
from typing import Any

import nrrd
import numpy as np
import pytest

from tasks.imaging.raster_codecs import decode_raster, encode_raster, raster_format
from tasks.imaging.refused import Refused

DRAW = np.random.default_rng(5)
PLACES = {
    "space": "left-posterior-superior",
    "space directions": np.array([[0, -1.5, 0], [0.8, 0, 0.1], [0, 0.2, 3]]),
    "space origin": np.array([20.0, -30.0, 7.0]),
}


def volume(voxels: np.ndarray, **fields: Any) -> bytes:
    file = io.BytesIO()
    nrrd.write(file, voxels, {"content": "of Zzyquist", "patient": "Zzyquist", "encoding": "gzip", **fields})
    return file.getvalue()


def read(data: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    file = io.BytesIO(data)
    header = nrrd.read_header(file)
    return nrrd.read_data(header, file), header


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, ">i2"])
def test_voxels_and_places_are_kept_and_texts_are_not(kind: str, encoding: str) -> None:
    voxels = DRAW.integers(0, 200, (7, 5, 4)).astype(kind)
    data = volume(voxels, encoding=encoding, **PLACES)
    assert raster_format(data) == "nrrd"
    raster = decode_raster(data, "nrrd")
    assert np.array_equal(raster.frames[1, :, :, 0], voxels[:, :, 1].T)
    made = encode_raster(raster, raster.frames, 95)
    assert b"Zzyquist" not in made and made == encode_raster(raster, raster.frames, 95)
    after, header = read(made)
    assert np.array_equal(after, voxels)
    assert header["space"] == PLACES["space"]
    assert np.allclose(header["space directions"], PLACES["space directions"])
    assert np.allclose(header["space origin"], PLACES["space origin"])


def test_places_follow_the_size() -> None:
    raster = decode_raster(volume(np.zeros((7, 5, 4), np.int16), **PLACES), "nrrd")
    _, header = read(encode_raster(raster, raster.frames.repeat(2, axis=1).repeat(2, axis=2), 95))
    for corner in ((-0.5, -0.5, 0), (6.5, 4.5, 3)):
        seen = (2 * (corner[0] + 0.5) - 0.5, 2 * (corner[1] + 0.5) - 0.5, corner[2])
        expected = PLACES["space origin"] + np.array(corner) @ PLACES["space directions"]
        assert np.allclose(header["space origin"] + np.array(seen) @ header["space directions"], expected)


def test_times_and_spacings_alone_are_kept() -> None:
    moving = {**PLACES, "space directions": np.vstack([PLACES["space directions"], [np.nan] * 3])}
    voxels = DRAW.integers(0, 99, (7, 5, 4, 3)).astype(np.uint8)
    raster = decode_raster(volume(voxels, **moving), "nrrd")
    after, header = read(encode_raster(raster, raster.frames, 95))
    assert np.array_equal(after, voxels) and np.isnan(header["space directions"][3]).all()
    raster = decode_raster(volume(voxels[..., 0], spacings=[0.5, 0.5, 3]), "nrrd")
    _, header = read(encode_raster(raster, raster.frames.repeat(2, axis=1).repeat(2, axis=2), 95))
    assert header["spacings"].tolist() == [0.25, 0.25, 3]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (volume(np.zeros((7, 5, 4), np.float32)), "no integers"),
        (volume(np.zeros((7, 5, 4), np.uint8), encoding="bzip2"), "raw or with gzip"),
        (volume(np.zeros((3, 7, 5), np.uint8), kinds=["RGB-color", "domain", "domain"]), "colours"),
        (volume(DRAW.integers(0, 999, (70, 50, 4)).astype(np.int16))[:9000], "damaged"),
        (b"NRRD0005\ntype: short\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: a.raw\n\n", "another file"),
        (b"NRRD0005\ntype: uchar\ndimension: 3\nsizes: 99999 99999 9\nencoding: raw\n\n", "memory"),
    ],
)
def test_what_is_no_picture_or_damaged_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        decode_raster(data, "nrrd")
