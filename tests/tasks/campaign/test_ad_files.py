"""Files opened again: exact size, format and bytes, sRGB, and labels that a stranger reads."""

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageCms

from tasks.campaign.ad_files import BEST, encode_ad
from tasks.campaign.checks import read_label
from tasks.campaign.labels import DIGITAL_SOURCE, xmp_packet
from tasks.layout.box import Unfit
from tests.tasks.campaign.samples import picture

NOISY = picture(800, 640, noise=30)


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_a_file_is_what_it_says_and_carries_its_labels(format: str) -> None:
    xmp = xmp_packet("generated", "all", "", 'Lumen & "Sons" <GmbH>', "lamp_zh")
    file = encode_ad(picture(300, 250), format, None, xmp, "here")  # type: ignore[arg-type]
    with Image.open(io.BytesIO(file.data)) as image:
        assert (image.format or "").lower() == format
        assert image.size == (300, 250)
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        label = read_label(image)
    assert label["source"] == f"{DIGITAL_SOURCE}compositeWithTrainedAlgorithmicMedia"
    assert json.loads(label["aigc"]) == {
        "Label": "1",
        "ContentProducer": 'Lumen & "Sons" <GmbH>',
        "ProduceID": "lamp_zh",
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }


def test_labels_follow_the_region_and_what_was_generated() -> None:
    def labels(source: str, which: str, region: str) -> set[str]:
        packet = xmp_packet(source, which, region, "x", "y")  # type: ignore[arg-type]
        file = encode_ad(picture(64, 64), "jpeg", None, packet, "")
        with Image.open(io.BytesIO(file.data)) as image:
            return set(read_label(image))

    assert labels("generated", "by-region", "cn") == {"source", "aigc"}
    assert labels("generated", "by-region", "") == {"source"}
    assert labels("given", "all", "cn") == {"source"}, "nothing of it was generated"
    assert labels("generated", "none", "cn") == set()


def test_quality_is_the_best_below_the_limit_of_bytes() -> None:
    free = encode_ad(NOISY, "jpeg", None, b"", "here")
    assert free.quality == BEST
    limit = len(free.data) // 2
    file = encode_ad(NOISY, "jpeg", limit, b"", "here")
    assert file.quality is not None
    assert len(file.data) <= limit
    assert file.quality < BEST
    assert limit < len(encode_ad(NOISY, "jpeg", None, b"", "here").data)
    with pytest.raises(Unfit, match=r"here: at quality 40 it has [\d,]+ bytes, more than 2,000; take a calmer picture"):
        encode_ad(NOISY, "jpeg", 2000, b"", "here")
    with pytest.raises(Unfit, match=r"as PNG it has .* bytes, more than 2,000; take format jpeg"):
        encode_ad(NOISY, "png", 2000, b"", "here")


def test_the_same_ad_gives_the_same_bytes_and_png_the_same_pixels() -> None:
    assert encode_ad(NOISY, "jpeg", None, b"", "").data == encode_ad(NOISY, "jpeg", None, b"", "").data
    file = encode_ad(NOISY, "png", None, b"", "")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file.data))), np.asarray(NOISY))
