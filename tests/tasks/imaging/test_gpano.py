"""GPano in every format, as exiv2 reads it."""

import re
from xml.etree import ElementTree

import exiv2
import numpy as np
import pytest

from tasks.imaging.encode import Format, encode_picture
from tasks.imaging.gpano import NAMESPACE

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
INFO = {"prompt": "阳光 <明媚> & more", "seed": "1"}


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_an_independent_reader_finds_the_whole_sphere(format: Format) -> None:
    image = exiv2.ImageFactory.open(encode_picture(PIXELS, format, 90, INFO, panorama=True))
    image.readMetadata()
    told = {datum.key(): datum.toString() for datum in image.xmpData()}
    assert told["Xmp.GPano.ProjectionType"] == "equirectangular"
    assert told["Xmp.GPano.UsePanoramaViewer"] == "True"
    for name, pixels in {"FullPano{}Pixels": "64 32", "CroppedAreaImage{}Pixels": "64 32"}.items():
        assert " ".join(told["Xmp.GPano." + name.format(edge)] for edge in ("Width", "Height")) == pixels
    assert told["Xmp.GPano.CroppedAreaLeftPixels"] == told["Xmp.GPano.CroppedAreaTopPixels"] == "0"
    if format != "png":
        assert image.exifData()["Exif.Image.Software"].toString() == "imagemill"


def test_jpeg_xl_has_it_in_a_box() -> None:
    """exiv2 does not look into boxes of JPEG XL unless it is built with Brotli."""
    file = encode_picture(PIXELS, "jxl", 90, INFO, panorama=True)
    (box,) = re.findall(rb"xml (<.*?/x:xmpmeta>)", file, re.S) or re.findall(rb"(<x:xmpmeta.*?/x:xmpmeta>)", file, re.S)
    root = ElementTree.fromstring(box[box.index(b"<x:xmpmeta") :])
    assert root.findtext(f".//{{{NAMESPACE}}}FullPanoWidthPixels") == "64"


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "jxl"])
def test_other_pictures_say_nothing_of_it(format: Format) -> None:
    assert b"GPano" not in encode_picture(PIXELS, format, 90, INFO)
