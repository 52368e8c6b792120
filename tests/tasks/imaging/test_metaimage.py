"""MetaImage volumes: every voxel and where it is, and nothing that somebody wrote beside them."""

import zlib

import numpy as np
import pytest

from tasks.imaging.metaimage import decode_metaimage
from tasks.imaging.raster_codecs import decode_raster, encode_raster, raster_format
from tasks.imaging.refused import Refused

DRAW = np.random.default_rng(5)
TYPES = {"u1": "MET_UCHAR", "i1": "MET_CHAR", "u2": "MET_USHORT", "i2": "MET_SHORT", "f4": "MET_FLOAT"}
TURN = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]])  # an axis a line


def volume(voxels: np.ndarray, packed: bool = False, **fields: str) -> bytes:
    body = voxels.tobytes(order="F")
    header = {
        "ObjectType": "Image",
        "NDims": str(voxels.ndim),
        "Comment": "of Zzyquist",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(voxels.dtype.str[0] == ">"),
        "CompressedData": str(packed),
        "TransformMatrix": " ".join(map(str, TURN.ravel())),
        "Offset": "20 -30 7",
        "ElementSpacing": "0.8 1.5 3",
        "DimSize": " ".join(map(str, voxels.shape)),
        "ElementType": TYPES[voxels.dtype.str[1:]],
        **fields,
        "ElementDataFile": fields.get("ElementDataFile", "LOCAL"),
    }
    return "".join(f"{key} = {value}\n" for key, value in header.items()).encode() + (
        zlib.compress(body) if packed else body
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "<i2", "<u2", ">i2"])
def test_voxels_and_places_are_kept_and_texts_are_not(kind: str, packed: bool) -> None:
    voxels = DRAW.integers(0, 200, (7, 5, 4)).astype(kind)
    data = volume(voxels, packed)
    assert raster_format(data) == "mha"
    raster = decode_raster(data, "mha")
    assert np.array_equal(raster.frames[1, :, :, 0], voxels[:, :, 1].T)
    made = encode_raster(raster, raster.frames, 95)
    assert b"Zzyquist" not in made
    frames, header = decode_metaimage(made)
    assert np.array_equal(frames, raster.frames)
    numbers = {key: [float(value) for value in header[key].split()] for key in ("Offset", "ElementSpacing")}
    assert numbers == {"Offset": [20, -30, 7], "ElementSpacing": [0.8, 1.5, 3]}
    assert np.array_equal(np.array(header["TransformMatrix"].split(), float).reshape(3, 3), TURN)


def test_places_follow_the_size() -> None:
    raster = decode_raster(volume(np.zeros((7, 5, 4), np.int16)), "mha")
    _, header = decode_metaimage(encode_raster(raster, raster.frames.repeat(2, axis=1).repeat(2, axis=2), 95))
    spacing, offset = (np.array(header[key].split(), float) for key in ("ElementSpacing", "Offset"))
    for corner in ((-0.5, -0.5, 0), (6.5, 4.5, 3)):
        seen = np.array((2 * (corner[0] + 0.5) - 0.5, 2 * (corner[1] + 0.5) - 0.5, corner[2]))
        expected = np.array([20, -30, 7]) + (np.array(corner) * (0.8, 1.5, 3)) @ TURN
        assert np.allclose(offset + (seen * spacing) @ TURN, expected)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (volume(np.zeros((7, 5, 4), np.float32)), "no integers"),
        (volume(np.zeros((7, 5, 4), np.uint8), ElementDataFile="a.raw"), "another file"),
        (volume(np.zeros((7, 5, 4), np.uint8), ElementNumberOfChannels="3"), "colours"),
        (volume(np.zeros((7, 5, 4), np.uint8), BinaryData="False"), "as text"),
        (volume(np.zeros((7, 5, 4), np.uint8), DimSize="99999 99999 9"), "memory"),
        (volume(DRAW.integers(0, 999, (70, 50, 4)).astype(np.int16))[:9000], "damaged"),
        (volume(np.zeros((7, 5, 4), np.uint8), ElementSpacing="1 1"), "damaged"),
        (b"ObjectType = Image\nNDims = 3\n", "damaged"),
    ],
)
def test_what_is_no_picture_or_damaged_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        raster = decode_raster(data, "mha")
        encode_raster(raster, raster.frames, 95)
