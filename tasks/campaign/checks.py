"""Checks of a finished file, opened again: nothing of it is taken on trust."""

import io
import json
import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import regex
from PIL import Image, ImageCms

from tasks.campaign.ad_files import AdFile
from tasks.campaign.labels import AIGC, DIGITAL_SOURCE, IPTC
from tasks.campaign.placements import Placement
from tasks.layout.box import Unfit
from tasks.layout.contrast import colour_distance, needed, to_hex, worst_contrast
from tasks.layout.sheet import Composed, Sheet

MOST_DISTANCE = 2.0  # CIEDE2000 of a brand colour in the file from that of the kit
_CLOSING = regex.compile(r"^[\p{Pe}\p{Pf}、。，．：；！？,.:;!?%）」』】》〉ー々]")
_STEP = 3  # pixels: a panel is looked at on a grid
_BLEND = 6  # of 255: pixels that differ less from what was behind the text are not the text's


def check(file: AdFile, composed: Composed, sheet: Sheet, placement: Placement) -> None:
    """Raises Unfit with the sentence of the first rule that a file breaks."""
    with Image.open(io.BytesIO(file.data)) as image:
        _check_file(file, image, placement)
        _check_label(image)
        pixels = np.asarray(image.convert("RGB"))
    _check_boxes(composed, sheet)
    _check_colours(composed, pixels)


def _check_file(file: AdFile, image: Image.Image, placement: Placement) -> None:
    width, height = image.size
    if image.size != placement.size:
        raise Unfit(f"the file is {width}x{height}, not {placement.size[0]}x{placement.size[1]}")
    if placement.ratio and abs(width / height / placement.ratio - 1) > placement.ratio_tolerance + 1e-9:
        raise Unfit(f"its ratio is {width / height:.3f}, not {placement.ratio}")
    if (image.format or "").lower() != file.format:
        raise Unfit(f"the file is {image.format}, not {file.format}")
    if placement.bytes is not None and len(file.data) > placement.bytes:
        raise Unfit(f"the file has {len(file.data):,} bytes, more than {placement.bytes:,}")
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    if "sRGB" not in ImageCms.getProfileDescription(profile):
        raise Unfit("its colour profile is not sRGB")


def _check_label(image: Image.Image) -> None:
    """The XMP, if there is any, is read as a stranger would."""
    label = read_label(image)
    if (
        label.get("source", DIGITAL_SOURCE).startswith(DIGITAL_SOURCE)
        and json.loads(label.get("aigc", "{}")) is not None
    ):
        return
    raise Unfit(f"its label cannot be read back: {label}")


def read_label(image: Image.Image) -> dict[str, str]:
    """The digital source type (`source`) and the JSON of GB 45438 (`aigc`) of a file's XMP; those that are there."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    text = packet if isinstance(packet, str) else packet.decode("utf-8")
    text = re.sub(r"<\?xpacket.*?\?>", "", text).strip()
    if not text:
        return {}
    root = ElementTree.fromstring(text)
    found = {
        "source": root.find(f".//{{{IPTC}}}DigitalSourceType"),
        "aigc": root.find(f".//{{{AIGC}}}AIGC"),
    }
    return {name: element.text or "" for name, element in found.items() if element is not None}


def _check_boxes(composed: Composed, sheet: Sheet) -> None:
    for item in composed.placed:
        if not sheet.safe.holds(item.box):
            raise Unfit(f"{item.name} leaves the safe area")
        if composed.template_covers and item.box.shared(composed.subject):
            raise Unfit(f"{item.name} covers the subject of the picture")
        for line in item.block.lines if item.block else ():
            if _CLOSING.match(line):
                raise Unfit(f"{item.name}: the line {line!r} begins with closing punctuation")
    for one, other in combinations(composed.placed, 2):
        if one.box.shared(other.box):
            raise Unfit(f"{one.name} overlaps {other.name}")


def _check_colours(composed: Composed, pixels: np.ndarray) -> None:
    """Contrast and brand colours, from the file's own pixels."""
    import cv2

    finished = np.asarray(composed.image)
    for item, colour in composed.texts:
        assert item.block is not None and item.ink is not None
        behind, painted = composed.behind[item.ink.slices], finished[item.ink.slices]
        bare = cv2.absdiff(painted, behind).max(2) < _BLEND
        found = pixels[item.ink.slices][bare]
        if not len(found):
            continue
        # Encoding rings around letters: what is measured is the ground they stand on, block by block.
        ground = np.median(found, 0).astype(np.uint8)
        contrast, least = worst_contrast(colour, ground[None, None]), needed(item.block.size, item.spec.bold)
        if contrast < least * 0.97:
            raise Unfit(f"{item.name} has a contrast of {contrast:.1f} in the file, and needs {least}")
    if composed.panel is not None:
        box, brand = composed.panel
        bare = _bare(composed)[box.slices][::_STEP, ::_STEP]
        ground = np.median(pixels[box.slices][::_STEP, ::_STEP][bare], 0).astype(np.uint8)
        seen = (int(ground[0]), int(ground[1]), int(ground[2]))
        distance = colour_distance(brand, seen)
        if distance > MOST_DISTANCE:
            raise Unfit(
                f"the panel is {to_hex(seen)} in the file, {distance:.1f} (CIEDE2000) from the kit's {to_hex(brand)}"
            )


def _bare(composed: Composed) -> np.ndarray:
    """Where (h, w) there is neither text nor logo nor shape."""
    bare = np.ones(composed.behind.shape[:2], bool)
    for item in composed.placed:
        bare[item.box.slices] = False
    return bare
